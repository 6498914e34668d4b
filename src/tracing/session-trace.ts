import type { Headers } from '../session/headers.js'
import { cleanTraceState, formatTraceParent, parseTraceParent, randomId } from './trace-context.js'

/** One attempt at a peer, as a span. Times are milliseconds of the gateway's clock. */
export interface AttemptSpan {
  readonly spanId: string
  readonly host: string
  /** 0 for a Unix socket. */
  readonly port: number
  readonly startMs: number
  /** -1 while it lasts. */
  endMs: number
  /** Of the answer; 0: there was none. */
  status: number
  /** RFC 9209 token of its failure, '' when there was none. */
  reason: string
}

export interface TracerOptions {
  /** Are traces of clients carried on? Else each request begins a new one. */
  readonly acceptIncoming: boolean
  /** Share of the traces begun here that are sampled, from 0 to 1. */
  readonly sampleShare: number
}

/** Begins the trace of each session. @param random from 0 to below 1, for tests */
export class Tracer {
  readonly #options: TracerOptions
  readonly #random: () => number

  constructor(options: TracerOptions, random: () => number = Math.random) {
    this.#options = options
    this.#random = random
  }

  /** @param headers of the client's request */
  begin(headers: Headers): SessionTrace {
    const { acceptIncoming, sampleShare } = this.#options
    const parent = acceptIncoming ? incomingParent(headers) : null
    if (parent === null) return new SessionTrace(randomId(16), '', this.#random() < sampleShare, '')
    const state = cleanTraceState(headers.getAll('tracestate').join(','))
    return new SessionTrace(parent.traceId, parent.spanId, parent.sampled, state)
  }
}

/** Of several nobody knows which one is meant (section 3.2). */
function incomingParent(headers: Headers): ReturnType<typeof parseTraceParent> {
  const values = headers.getAll('traceparent')
  return values.length === 1 ? parseTraceParent(values[0] ?? '') : null
}

/** The part of a trace that one session is: a span of its own, and one for each attempt. */
export class SessionTrace {
  readonly traceId: string
  readonly spanId = randomId(8)
  /** Span of the caller; '' for the root of a trace. */
  readonly parentSpanId: string
  readonly sampled: boolean
  readonly state: string
  readonly attempts: AttemptSpan[] = []

  constructor(traceId: string, parentSpanId: string, sampled: boolean, state: string) {
    this.traceId = traceId
    this.parentSpanId = parentSpanId
    this.sampled = sampled
    this.state = state
  }

  /** An attempt begins: its upstream is told its span. @param headers of the request to it */
  beginAttempt(headers: Headers, host: string, port: number, startMs: number): void {
    const { traceId, sampled, state } = this
    this.endAttempt(startMs)
    const spanId = randomId(8)
    this.attempts.push({ spanId, host, port, startMs, endMs: -1, status: 0, reason: '' })
    headers.set('traceparent', formatTraceParent({ traceId, spanId, sampled }))
    if (state === '') headers.remove('tracestate')
    else headers.set('tracestate', state)
  }

  /** The attempt under way was answered. */
  answered(status: number): void {
    const attempt = this.attempts.at(-1)
    if (attempt !== undefined && attempt.endMs < 0) attempt.status = status
  }

  /** The attempt under way is over. @param reason RFC 9209 token of its failure */
  endAttempt(atMs: number, reason = ''): void {
    const attempt = this.attempts.at(-1)
    if (attempt === undefined || attempt.endMs >= 0) return
    attempt.endMs = atMs
    attempt.reason = reason
  }
}
