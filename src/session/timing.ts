/**
 * When the steps of one session happened, in milliseconds of the gateway's clock with fractions (contract A-30…A-39, D3).
 * `null`: it did not happen. The upstream fields describe the last attempt; {@link SessionTiming.attempts} keeps the earlier ones.
 */
export interface SessionTiming {
  /** The request head was received by the acceptor. */
  requestStart: number
  /** A connection was established, or taken from the pool. */
  upstreamConnect: number | null
  /** The last byte of the request was written. */
  upstreamRequestSent: number | null
  /** The response head was received. */
  upstreamResponseStart: number | null
  /** The response was received completely. */
  upstreamResponseEnd: number | null
  /** The last byte of the answer was given to the client's socket; `null` if the client left before. */
  responseSent: number | null
  /** Upstream times of the attempts that failed before the last one. */
  attempts: AttemptTiming[]
}

/** Upstream times of one attempt. */
export type AttemptTiming = Pick<
  SessionTiming,
  'upstreamConnect' | 'upstreamRequestSent' | 'upstreamResponseStart' | 'upstreamResponseEnd'
>

export function createTiming(requestStart: number): SessionTiming {
  return {
    requestStart,
    upstreamConnect: null,
    upstreamRequestSent: null,
    upstreamResponseStart: null,
    upstreamResponseEnd: null,
    responseSent: null,
    attempts: [],
  }
}

/** Files the last attempt's times away and clears them for the next one. */
export function beginNextAttempt(timing: SessionTiming): void {
  timing.attempts.push({
    upstreamConnect: timing.upstreamConnect,
    upstreamRequestSent: timing.upstreamRequestSent,
    upstreamResponseStart: timing.upstreamResponseStart,
    upstreamResponseEnd: timing.upstreamResponseEnd,
  })
  timing.upstreamConnect = null
  timing.upstreamRequestSent = null
  timing.upstreamResponseStart = null
  timing.upstreamResponseEnd = null
}

/** Milliseconds from connection to the end of the response, or `null` when one of both is missing. */
export function upstreamLatencyMs(timing: SessionTiming): number | null {
  if (timing.upstreamResponseEnd === null || timing.upstreamConnect === null) return null
  return timing.upstreamResponseEnd - timing.upstreamConnect
}

/** Milliseconds from the request's arrival to the last byte of the answer, or `null` when it was not sent. */
export function totalTimeMs(timing: SessionTiming): number | null {
  return timing.responseSent === null ? null : timing.responseSent - timing.requestStart
}
