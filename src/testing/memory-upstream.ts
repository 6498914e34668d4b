import type { Peer } from '../session/session.js'
import type { DeadlineWheel } from '../time/index.js'
import type {
  ConnectorStats,
  ConnectTarget,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamTimeouts,
} from '../upstream/http1/index.js'
import type { UpstreamConnector } from '../upstream/index.js'
import { MemoryExchange } from './memory-exchange.js'
import type { TestUpstream, TestUpstreamRequest } from './types.js'

export interface MemoryUpstreamOptions {
  readonly upstream: TestUpstream
  readonly wheel: DeadlineWheel
  readonly windowBytes: number
  readonly pooled: boolean
  readonly peerOf: (target: ConnectTarget) => Peer
}

/** The upstream of one session, in memory: takes the connector's place. */
export class MemoryUpstream implements UpstreamConnector {
  readonly stats: ConnectorStats = { opened: 0, reuses: 0, dropped: 0, active: 0, idle: 0 }
  readonly seen: TestUpstreamRequest[] = []
  readonly #options: MemoryUpstreamOptions

  constructor(options: MemoryUpstreamOptions) {
    this.#options = options
  }

  request(
    target: ConnectTarget,
    request: UpstreamRequest,
    handler: UpstreamHandler,
    timeouts: UpstreamTimeouts,
  ): UpstreamExchange {
    const { upstream, wheel, windowBytes, pooled, peerOf } = this.#options
    const reused = pooled && request.fresh !== true
    if (reused) this.stats.reuses += 1
    else this.stats.opened += 1
    const attempt = this.seen.length + 1
    const peer = peerOf(target)
    const exchange = new MemoryExchange({
      request,
      handler,
      wheel,
      windowBytes,
      reused,
      attempt,
      peer,
      headersMs: timeouts.headersMs,
    })
    this.seen.push(exchange)
    queueMicrotask(() => void exchange.serve(upstream))
    return exchange
  }

  close(): void {}
}
