/** One request of a plan. */
export interface LoadRequest {
  /** Default `GET`. */
  readonly method?: string
  /** Origin form, with query. */
  readonly path: string
  /** `Host` is that of the URL unless it stands here; `Content-Length` is written from the body. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

/**
 * `open`: requests are due at times that are fixed beforehand, whether or not earlier ones were answered, so that a stall of the
 * server shows in every request that was due meanwhile. `closed`: each connection sends its next request when its last was answered,
 * which finds the highest throughput and tells little about latency.
 */
export type LoadLoop =
  | { readonly kind: 'open'; readonly ratePerSecond: number; readonly arrivals?: 'uniform' | 'poisson' }
  | { readonly kind: 'closed' }

/** What one run of the generator does. Plain data. */
export interface LoadPlan {
  /** `http://HOST:PORT` or `https://HOST:PORT`; certificates are not verified. */
  readonly url: string
  /** Sent in turn. At least one. */
  readonly requests: readonly LoadRequest[]
  readonly loop: LoadLoop
  /** Kept alive, all opened before the start. At least 1. */
  readonly connections: number
  /** Time in which requests are due. */
  readonly durationMs: number
  /** The same load before that, which is not reported. Default 0. */
  readonly warmUpMs?: number
  /** Silence after which a request counts as `timeout`. Also how long answers are waited for at the end. Default 10,000. */
  readonly timeoutMs?: number
  /** The body of every n-th answer is compared with `expect.bodySha256`. Default 100; 0: none. */
  readonly verifyEvery?: number
  readonly expect?: {
    /** Default: any from 200 to 299. */
    readonly status?: number
    /** SHA-256 of the body in hex; absent: only the length of the framing is checked. */
    readonly bodySha256?: string
  }
}

/** Why a request counts as failed. */
export const LOAD_ERRORS = ['connect', 'closed', 'timeout', 'protocol', 'status', 'body'] as const

export type LoadErrorKind = (typeof LOAD_ERRORS)[number]

/** Distribution of one kind of latency, microseconds. */
export interface LatencyReport {
  readonly count: number
  readonly meanUs: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p95Us: number
  readonly p99Us: number
  readonly p999Us: number
  readonly maxUs: number
  /** HdrHistogram V2, deflated, base64: what `decodeFromCompressedBase64` of hdr-histogram-js takes. */
  readonly hdr: string
}

/** What the generator itself was like: a tool that is late or busy measures itself. */
export interface GeneratorHealth {
  /** CPU time of its process over the time of the run; 1 = one core. */
  readonly cpuShare: number
  /** Share of the run in which its event loop was not idle, 0 to 1. */
  readonly loopBusy: number
  /** Time between when requests were due and when the generator looked for what is due; 0 in a closed loop. */
  readonly lateP99Us: number
  readonly lateMaxUs: number
  /** Niceness of its process: below 0 where it was allowed to go before others. */
  readonly niceness: number
}

/** What one run measured, warm-up apart. */
export interface LoadReport {
  /** Requests a second that were due; null in a closed loop. */
  readonly offeredPerSecond: number | null
  /** Length of the run: from its start to the last answer. */
  readonly elapsedMs: number
  /** Requests that were due: `answered` + the sum of `errors`. */
  readonly requests: number
  /** Answered as expected. */
  readonly answered: number
  /** `answered` in the time in which requests were due, a second. */
  readonly perSecond: number
  readonly errors: Readonly<Record<LoadErrorKind, number>>
  /** Bodies that were compared. */
  readonly verified: number
  /** Bytes of bodies. */
  readonly bodyBytes: number
  /** Requests ever written to a socket, warm-up included: what the server's counters are compared with. */
  readonly sent: number
  /** From the time a request was due to the last byte of its answer. Failed requests count with the time they took. */
  readonly response: LatencyReport
  /** From the time a request was written to the last byte of its answer. The same as `response` in a closed loop. */
  readonly service: LatencyReport
  readonly generator: GeneratorHealth
  /** Why these numbers must not be reported; empty when they may. */
  readonly refusals: readonly string[]
}

/** What a mock origin is like. */
export interface OriginPlan {
  /** Time before each answer. Default 0. */
  readonly delayMs?: number
  /** Size of each answer's body. Default 100. */
  readonly bodyBytes?: number
  /** The body itself, instead of one of that size. */
  readonly body?: string
  /** Besides `Content-Length`; `Content-Type` is `text/plain` unless it stands here. */
  readonly headers?: Readonly<Record<string, string>>
  /** PEM, to speak TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** What an origin has done since its start. */
export interface OriginCounters {
  readonly connections: number
  readonly requests: number
  readonly requestBodyBytes: number
}

/** An origin in a process of its own, on an ephemeral loopback port. */
export interface MockOrigin {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Of every body it answers, in hex. */
  readonly bodySha256: string
  counters(): Promise<OriginCounters>
  stop(): Promise<void>
}

/** What a process and all its descendants have used since they started. */
export interface ProcessUsage {
  readonly pids: readonly number[]
  /** User and system time of all threads, microseconds, in steps of 10 ms. */
  readonly cpuUs: number
  readonly residentBytes: number
  readonly voluntarySwitches: number
  readonly involuntarySwitches: number
}
