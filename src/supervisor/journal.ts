import type { Refusal } from '../acceptor/types.js'
import { AccessLog, type AccessLogEnd, NO_ENTRY } from '../access-log/index.js'
import type { EndedHere } from '../dispatch/index.js'
import type { ValueRecorder } from '../histograms/index.js'
import { fieldOf } from '../routing/index.js'
import type { ErrorRow } from '../telemetry/index.js'
import { now } from '../time/index.js'
import type { OwnSpans } from './own-spans.js'

export interface JournalOptions {
  /** Names of rows, as of `rowNames`. */
  readonly rows: readonly string[]
  /** The acceptor's own. */
  readonly recorder: ValueRecorder
  /** The acceptor's last errors. */
  readonly errors: ErrorRow
  /** Absent: no access log. */
  readonly accessLog?: AccessLogEnd | undefined
  /** Absent: no spans are exported. */
  readonly spans?: OwnSpans
}

/** Histograms and access log of what no worker can tell: sessions that the acceptor answers, and requests that it refuses. */
export class Journal {
  readonly #rows: readonly string[]
  #recorder: ValueRecorder
  #errors: ErrorRow
  readonly #log: AccessLog | null
  readonly #spans: OwnSpans | null

  constructor({ rows, recorder, errors, accessLog, spans }: JournalOptions) {
    this.#rows = rows
    this.#errors = errors
    this.#recorder = recorder
    this.#spans = spans ?? null
    this.#log = accessLog === undefined ? null : new AccessLog(accessLog)
  }

  /**
   * Another configuration is in use: what ends from now on is recorded where that one's is.
   * @param routeOf what a route is there; -1: nowhere
   */
  bequeath(heir: Journal, routeOf: (route: number) => number): void {
    const unrouted = this.#rows.length - 1
    this.#recorder = {
      record(route, phase, valueMs) {
        const there = route === unrouted ? heir.#rows.length - 1 : routeOf(route)
        if (there >= 0) heir.#recorder.record(there, phase, valueMs)
      },
      answered(route, method, status, totalMs) {
        const there = route === unrouted ? heir.#rows.length - 1 : routeOf(route)
        if (there >= 0) heir.#recorder.answered(there, method, status, totalMs)
      },
    }
    this.#errors = { add: (error) => heir.#errors.add({ ...error, route: routeOf(error.route) }) }
  }

  /** What is gathered leaves now: nothing comes any more. */
  close(): void {
    this.#spans?.flush()
  }

  onEnded(end: EndedHere): void {
    const { head, route, status, error, bytesOut, isSent, isHit } = end
    const unrouted = this.#rows.length - 1
    const lengthMs = now() - head.startMs
    if (isSent) this.#recorder.answered(route < 0 ? unrouted : route, head.method, status, lengthMs)
    if (error !== null) {
      const { status: errorStatus, reason } = error
      this.#errors.add({ timeMs: Date.now(), route, status: errorStatus, reason, requestId: head.requestId })
    }
    const traceId = this.#spans?.add(end, route < 0 ? '' : (this.#rows[route] ?? '')) ?? ''
    const log = this.#log
    if (log === null) return
    const hasError = error !== null || !isSent
    const every = log.take(status, hasError, lengthMs)
    if (every === 0) return
    const { requestId, remoteAddress: client, method, host, target, headerBlock } = head
    log.write(
      {
        ...NO_ENTRY,
        requestId,
        traceId,
        client,
        method,
        host,
        target,
        route: route < 0 ? '' : (this.#rows[route] ?? ''),
        status,
        // As of a worker's session whose client left.
        reason: error?.reason ?? (isSent ? '' : 'connection_terminated'),
        code: error?.code ?? (isSent ? '' : 'HG_CLIENT_ABORTED'),
        bytesOut,
        cache: isHit === true ? 'hit' : '',
        totalMs: isSent ? lengthMs : -1,
        header: (name) => fieldOf(headerBlock, name),
      },
      every,
    )
  }

  onRefused({ status, reason, kind }: Refusal, requestId: string, client: string): void {
    // Whoever is one connection too many gets no answer; all others do, a loop turn later.
    if (reason !== 'connection_limit_reached') {
      const refusedMs = now()
      setImmediate(() => this.#recorder.answered(this.#rows.length - 1, '', status, now() - refusedMs))
    }
    this.#errors.add({ timeMs: Date.now(), route: -1, status, reason, requestId })
    this.#log?.write({ ...NO_ENTRY, kind: 'refused', requestId, client, status, reason, code: kind }, 1)
  }
}
