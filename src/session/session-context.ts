import { randomUUID } from 'node:crypto'
import { immutable } from './frozen-instance-error.js'
import { generateRequestId } from './request-id.js'

/** Cookies by name. Without prototype, so that no name is there that nobody set (B-11). */
export type ContextCookies = Readonly<Record<string, string>>

export interface SessionContextOptions {
  /** Cookies of the client's request, copied. Default: none. */
  readonly cookies?: Readonly<Record<string, string>>
  /** Of the gateway's session, so that its log joins with that of the ad session. Default: a fresh one. */
  readonly requestId?: string
}

/** The context on the wire and in logs: snake_case (D2), plain data. */
export interface SessionContextJson {
  readonly timestamp: number
  readonly correlator: string
  readonly cachebusting: string
  readonly request_id: string
  readonly cookies: Readonly<Record<string, string>>
}

/**
 * What identifies one ad request in every log record, upstream call and event that it causes (contract B-02…B-21):
 * made once per request, immutable, without I/O.
 *
 * A structured clone would lose the immutability, so a context refuses to be cloned: it crosses threads as
 * {@link SessionContext.toJSON} and is made again by {@link SessionContext.fromJSON} (B-19).
 */
export class SessionContext {
  /** Whole milliseconds since the epoch (B-07). */
  readonly timestamp: number
  /** UUID that joins the events of one request (B-08). */
  readonly correlator: string
  /** UUID that keeps caches from answering (B-09). */
  readonly cachebusting: string
  /** `req-<uuid>` (B-10). */
  readonly requestId: string
  readonly cookies: ContextCookies

  private constructor(json: SessionContextJson) {
    this.timestamp = json.timestamp
    this.correlator = json.correlator
    this.cachebusting = json.cachebusting
    this.requestId = json.request_id
    this.cookies = copyCookies(json.cookies)
    // biome-ignore lint/correctness/noConstructorReturn: what the caller gets must be the guarded object itself
    return immutable(this)
  }

  /** A fresh context (B-02). Synchronous, no I/O. */
  static create(options: SessionContextOptions = {}): SessionContext {
    return new SessionContext({
      timestamp: Date.now(),
      correlator: randomUUID(),
      cachebusting: randomUUID(),
      request_id: options.requestId ?? generateRequestId(),
      cookies: options.cookies ?? {},
    })
  }

  /**
   * The context that {@link SessionContext.toJSON} described: equal, and immutable again (B-19).
   * @throws TypeError when a field is missing or of another type.
   */
  static fromJSON(json: SessionContextJson): SessionContext {
    if (!Number.isSafeInteger(json.timestamp)) throw new TypeError("'timestamp' must be whole milliseconds")
    for (const field of ['correlator', 'cachebusting', 'request_id'] as const) {
      if (typeof json[field] !== 'string') throw new TypeError(`'${field}' must be a string`)
    }
    return new SessionContext(json)
  }

  /** The five fields as plain data, for `JSON.stringify`, logs and messages to other threads (B-06). */
  toJSON(): SessionContextJson {
    const { timestamp, correlator, cachebusting, requestId, cookies } = this
    return { timestamp, correlator, cachebusting, request_id: requestId, cookies: { ...cookies } }
  }

  /** Five labelled lines (B-12). */
  describe(): string {
    return [
      `Timestamp (ms): ${this.timestamp}`,
      `Correlator: ${this.correlator}`,
      `Cachebusting: ${this.cachebusting}`,
      `Request ID: ${this.requestId}`,
      `Cookies: ${JSON.stringify(this.cookies)}`,
    ].join('\n')
  }
}

function copyCookies(cookies: Readonly<Record<string, string>>): ContextCookies {
  const copy: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(cookies)) {
    if (typeof value !== 'string') throw new TypeError(`cookie '${name}' must be a string`)
    copy[name] = value
  }
  return immutable(copy)
}
