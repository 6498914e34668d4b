/** How the lines of the access log look. `common` and `combined`: as Apache's and nginx's formats of these names. */
export const ACCESS_LOG_FORMATS = ['json', 'common', 'combined'] as const
export type AccessLogFormat = (typeof ACCESS_LOG_FORMATS)[number]

/** Plain data: what every thread that writes lines is given. */
export interface AccessLogConfig {
  /** Absolute path; null: standard output. */
  readonly file: string | null
  readonly format: AccessLogFormat
  /** One line for so many sessions that ended well and fast; at least 1. */
  readonly sample: number
  /** Sessions that took as long as this always have a line. 0: no session is slow. */
  readonly slowMs: number
  /** Names of query parameters and headers whose values are never written, lower case. */
  readonly redact: readonly string[]
  /** Request headers that are written too, lower case. */
  readonly headers: readonly string[]
}

/** One session for the access log. Texts are as they came, with one character per byte. Times are ms, -1: never reached. */
export interface AccessEntry {
  readonly kind: 'session' | 'refused'
  readonly requestId: string
  readonly traceId: string
  readonly client: string
  readonly method: string
  readonly host: string
  /** Path and query. */
  readonly target: string
  /** Name of the route, '' for none. */
  readonly route: string
  /** Sent to the client; 0: none was. */
  readonly status: number
  /** `address:port` of the peer, '' for none. */
  readonly upstream: string
  /** 0: it gave none. */
  readonly upstreamStatus: number
  /** Attempts at peers. */
  readonly tries: number
  /** RFC 9209 token and code of what went wrong, or the kind of refusal; '' when nothing did. */
  readonly reason: string
  readonly code: string
  /** What the cache said, '' when nobody asked it. */
  readonly cache: string
  readonly bytesIn: number
  readonly bytesOut: number
  readonly queueMs: number
  readonly connectMs: number
  readonly responseMs: number
  readonly totalMs: number
  /** Of the total, what the upstream did not take. */
  readonly overheadMs: number
  /** A field of the request, null when it has none of this name. */
  header(name: string): string | null
}

/** An entry on its way into a line. */
export interface LoggedEntry extends AccessEntry {
  /** When the session ended, milliseconds since 1970. */
  readonly timeMs: number
  /** The line stands for so many sessions. */
  readonly every: number
}

/** An entry for what never became a session, or never reached a worker: everything that did not happen is filled in. */
export const NO_ENTRY: AccessEntry = {
  kind: 'session',
  requestId: '',
  traceId: '',
  client: '',
  method: '',
  host: '',
  target: '',
  route: '',
  status: 0,
  upstream: '',
  upstreamStatus: 0,
  tries: 0,
  reason: '',
  code: '',
  cache: '',
  bytesIn: 0,
  bytesOut: 0,
  queueMs: -1,
  connectMs: -1,
  responseMs: -1,
  totalMs: -1,
  overheadMs: -1,
  header: () => null,
}
