import { isIP, type LookupFunction } from 'node:net'
import { DeadlineWheel, type DeadlineWheelOptions } from '../../time/index.js'
import type { NameResolver, ResolvedAddress } from '../dns/index.js'
import { Connection } from './connection.js'
import { Exchange } from './exchange.js'
import { openSocket, type ReadInto } from './open-socket.js'
import { type PoolContext, TargetPool } from './pool.js'
import { requestHead, requestProblem } from './request-head.js'
import { DEFAULT_READER_LIMITS, type ReaderLimits } from './response-reader.js'
import { TargetMemories } from './target-memory.js'
import type {
  ConnectorStats,
  ConnectTarget,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamTimeouts,
} from './types.js'
import { misuse } from './upstream-errors.js'

const READ_BUFFER_BYTES = 65_536

export interface Http1ConnectorOptions {
  /** Idle connections kept for each target. Default 256. */
  readonly maxIdle?: number
  /** How long an idle connection is kept, unless the upstream's `Keep-Alive: timeout` is shorter. Default 4,000 ms. */
  readonly idleMs?: number
  /** Age after which a connection is not used again, less up to a fifth at random. Default 0: any age. */
  readonly maxAgeMs?: number
  /** Keeps the addresses of names; default: `lookup` for each connection. */
  readonly names?: NameResolver
  /** Resolves names when there is no `names`; default `dns.lookup`. */
  readonly lookup?: LookupFunction
  readonly limits?: Partial<ReaderLimits>
  /** Clock and resolution of the deadlines. Default: 50 ms. */
  readonly wheel?: DeadlineWheelOptions
}

/**
 * HTTP/1.1 towards upstreams over node:net and node:tls: connections kept alive per target, deadlines, one strict
 * reader. Belongs to one thread. Retries, balancing and limits on the number of connections are the caller's.
 */
export class Http1Connector {
  readonly stats: ConnectorStats = { opened: 0, reuses: 0, dropped: 0, active: 0, idle: 0 }
  readonly #pools = new Map<string, TargetPool>()
  readonly #context: PoolContext
  readonly #lookup: LookupFunction | undefined
  readonly #names: NameResolver | undefined
  readonly #memories = new TargetMemories()
  readonly #unwatch: (() => void) | undefined
  /**
   * One buffer for all plain sockets: libuv asks for it right before it reads, and what was read is consumed before
   * it reads again. Not so on Windows, where a read is posted with its buffer, nor inside TLS.
   */
  readonly #sharedBuffer = process.platform === 'win32' ? null : Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
  #announcements: Exchange[] = []
  readonly #announceAll = () => this.#announce()
  readonly #defer = (exchange: Exchange) => {
    if (this.#announcements.push(exchange) === 1) queueMicrotask(this.#announceAll)
  }

  constructor(options: Http1ConnectorOptions = {}) {
    this.#lookup = options.lookup
    this.#names = options.names
    this.#unwatch = options.names?.onChange((host, addresses) => this.#onAddresses(host, addresses))
    this.#context = {
      wheel: new DeadlineWheel(options.wheel),
      limits: { ...DEFAULT_READER_LIMITS, ...options.limits },
      stats: this.stats,
      maxIdle: options.maxIdle ?? 256,
      idleMs: options.idleMs ?? 4000,
      maxAgeMs: options.maxAgeMs ?? 0,
      closing: false,
      onEmpty: (pool) => this.#onEmpty(pool),
    }
  }

  /** Sends a request. The handler hears of it later, never from within this call. */
  request(
    target: ConnectTarget,
    request: UpstreamRequest,
    handler: UpstreamHandler,
    timeouts: UpstreamTimeouts,
  ): UpstreamExchange {
    const head = requestHead(request)
    const exchange = new Exchange(request, head, handler, timeouts, this.#defer)
    const problem = this.#context.closing ? 'the connector is closed' : requestProblem(request, head)
    if (problem !== null) {
      exchange.fail(misuse(problem))
      return exchange
    }
    let pool = this.#pools.get(target.id)
    if (pool === undefined) {
      pool = new TargetPool(target.id, this.#context)
      this.#pools.set(target.id, pool)
    }
    const idle = request.upgrade === undefined && request.fresh !== true ? pool.take() : undefined
    if (idle !== undefined) {
      idle.reuse(exchange)
      this.#defer(exchange)
    } else this.#open(target, pool, exchange)
    return exchange
  }

  /** Takes no more requests, closes idle connections now and the others when their exchange has ended. */
  close(): void {
    this.#context.closing = true
    this.#unwatch?.()
    for (const pool of [...this.#pools.values()]) pool.dropIdle()
    if (this.#pools.size === 0) this.#context.wheel.close()
  }

  /** Connections to all other targets are not used again: idle ones close now, busy ones when their exchange has ended. */
  retainTargets(ids: ReadonlySet<string>): void {
    for (const pool of [...this.#pools.values()]) if (!ids.has(pool.id)) pool.retain(null)
  }

  #open(target: ConnectTarget, pool: TargetPool, exchange: Exchange): void {
    const connection = new Connection(pool, exchange)
    pool.opening(connection)
    const hasAddress = target.socketPath !== undefined || isIP(target.host) !== 0
    const memory = this.#memories.of(target, hasAddress ? null : target.host)
    const dial = memory.dial(this.#names)
    // The socket of an upgrade is handed over, so it must be an ordinary one that emits `data`, never a pooled one.
    const isHandedOver = exchange.request.upgrade !== undefined
    try {
      const socket = openSocket(
        target,
        isHandedOver ? null : this.#readInto(target, connection),
        dial?.lookup ?? this.#lookup,
        memory.tls,
      )
      dial?.follow(socket, () => connection.retire(null))
      if (isHandedOver) socket.on('data', (bytes: Buffer) => connection.onBytes(bytes, bytes.length))
      connection.attach(socket, hasAddress || dial?.resolved === true, dial)
    } catch (cause) {
      // A port or certificate that cannot be.
      exchange.fail(misuse('the target is invalid', cause))
    }
  }

  #readInto(target: ConnectTarget, connection: Connection): ReadInto {
    const shared = target.tls === undefined ? this.#sharedBuffer : null
    const buffer = shared ?? Buffer.allocUnsafeSlow(READ_BUFFER_BYTES)
    return {
      buffer,
      callback: (size) => {
        connection.onBytes(buffer, size)
        return true
      },
    }
  }

  #onAddresses(host: string, addresses: readonly ResolvedAddress[]): void {
    const current = new Set(addresses.map(({ address }) => address))
    for (const [id, memory] of this.#memories.named(host)) {
      memory.rotation.retain(addresses)
      this.#pools.get(id)?.retain(current)
    }
  }

  #onEmpty(pool: TargetPool): void {
    if (this.#pools.get(pool.id) === pool) this.#pools.delete(pool.id)
    if (this.#context.closing && this.#pools.size === 0) this.#context.wheel.close()
  }

  #announce(): void {
    const exchanges = this.#announcements
    this.#announcements = []
    for (const exchange of exchanges) exchange.announce()
  }
}
