import type { RequestHeader } from '../session/message-headers.js'
import type { SessionTiming } from '../session/timing.js'
import { now } from '../time/index.js'
import type { SessionTrace } from '../tracing/index.js'
import type { UpstreamPeer } from '../upstream/index.js'

/**
 * What is noted of a session on its way, beside its timing (A-30…A-35), for histograms, access log and traces. Times are milliseconds of the gateway's clock,
 * lengths milliseconds; -1: it did not happen.
 */
export class SessionTrail {
  /** The worker had the session. */
  readonly takenMs = now()
  /** In hooks of filters, all together; of hooks that were waited for, with the waiting. */
  filterMs = -1
  /** Of the lookup in the cache. */
  cacheMs = -1
  /** The last attempt began: a connection was asked for. */
  attemptMs = -1
  /** Its connection came from the pool. */
  reused = false
  /** Status of the last attempt's answer; 0: there was none. */
  upstreamStatus = 0
  /** The last byte of an answer that no upstream gave was handed over. */
  handedOverMs = -1
  /** Null where no traces are kept. */
  readonly trace: SessionTrace | null

  constructor(trace: SessionTrace | null) {
    this.trace = trace
  }

  /** From the request's arrival until the worker had it, ms. */
  queueMs({ requestStart }: SessionTiming): number {
    return this.takenMs - requestStart
  }

  /** Hooks of filters have run since then. */
  filtered(sinceMs: number): void {
    const spentMs = now() - sinceMs
    this.filterMs = this.filterMs < 0 ? spentMs : this.filterMs + spentMs
  }

  /** The request of an attempt, which tells its upstream about the trace. @param isCopy it is no one else's */
  traced(head: RequestHeader, isCopy: boolean, { target }: UpstreamPeer): RequestHeader {
    const { trace } = this
    if (trace === null) return head
    const copy = isCopy ? head : head.clone()
    trace.beginAttempt(copy.headers, target.name ?? target.host, target.port, now())
    return copy
  }

  attemptBegins(): void {
    this.attemptMs = now()
    this.reused = false
    this.upstreamStatus = 0
  }

  answered(status: number): void {
    this.upstreamStatus = status
    this.trace?.answered(status)
  }
}
