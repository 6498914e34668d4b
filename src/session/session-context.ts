import { randomUUID } from 'node:crypto'
import type { ContextConsent } from './context-consent.js'
import { deepImmutable, type PlainValue } from './deep-immutable.js'
import { immutable } from './frozen-instance-error.js'
import { generateRequestId } from './request-id.js'

/** Cookies by name. Without prototype, so that no name is there that nobody set (B-11). */
export type ContextCookies = Readonly<Record<string, string>>

/** What a context may know beside its five fields (C-01): who asks, from where, and what is allowed. Absent unless given. */
export interface SessionContextExtras {
  readonly userId?: string
  readonly deviceId?: string
  readonly ipAddress?: string
  readonly userAgent?: string
  readonly contentUrl?: string
  readonly consent?: ContextConsent
  /** Plain data of the user's own. */
  readonly metadata?: Readonly<Record<string, PlainValue>>
}

export interface SessionContextOptions extends SessionContextExtras {
  /** Cookies of the client's request, copied. Default: none. */
  readonly cookies?: Readonly<Record<string, string>>
  /** Of the gateway's session, so that its log joins with that of the ad session. Default: a fresh one. */
  readonly requestId?: string
  /** UUID that the client has given its request, the player's `[TRANSACTIONID]` (F-16). Default: a fresh one. */
  readonly correlator?: string
}

/** The context on the wire and in logs: snake_case (D2), plain data. */
export interface SessionContextJson {
  readonly timestamp: number
  readonly correlator: string
  readonly cachebusting: string
  readonly request_id: string
  readonly cookies: Readonly<Record<string, string>>
  readonly user_id?: string
  readonly device_id?: string
  readonly ip_address?: string
  readonly user_agent?: string
  readonly content_url?: string
  readonly consent?: ContextConsent
  readonly metadata?: Readonly<Record<string, PlainValue>>
}

const TEXT_EXTRAS = [
  ['userId', 'user_id'],
  ['deviceId', 'device_id'],
  ['ipAddress', 'ip_address'],
  ['userAgent', 'user_agent'],
  ['contentUrl', 'content_url'],
] as const

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

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
  // Declared only: a field that was not given is not there at all (B-06).
  declare readonly userId?: string
  declare readonly deviceId?: string
  declare readonly ipAddress?: string
  declare readonly userAgent?: string
  declare readonly contentUrl?: string
  declare readonly consent?: ContextConsent
  declare readonly metadata?: Readonly<Record<string, PlainValue>>

  private constructor(json: SessionContextJson) {
    this.timestamp = json.timestamp
    this.correlator = json.correlator
    this.cachebusting = json.cachebusting
    this.requestId = json.request_id
    this.cookies = copyCookies(json.cookies)
    setTexts(this, json)
    if (json.consent !== undefined) this.consent = deepImmutable(json.consent, 'consent')
    if (json.metadata !== undefined) this.metadata = deepImmutable(json.metadata, 'metadata')
    // biome-ignore lint/correctness/noConstructorReturn: what the caller gets must be the guarded object itself
    return immutable(this)
  }

  /** A fresh context (B-02). Synchronous, no I/O. */
  static create(options: SessionContextOptions = {}): SessionContext {
    return new SessionContext({
      timestamp: Date.now(),
      correlator: options.correlator ?? randomUUID(),
      cachebusting: randomUUID(),
      request_id: options.requestId ?? generateRequestId(),
      cookies: options.cookies ?? {},
      ...extrasJson(options),
    })
  }

  /**
   * A new context with other cookies or extras, equally immutable, of the same request: timestamp and ids stay (C-01). What is given
   * replaces; a field given as undefined is taken out.
   */
  with(
    changes: WithUndefined<SessionContextExtras & { readonly cookies?: Readonly<Record<string, string>> }>,
  ) {
    const { cookies = this.cookies } = changes
    const { timestamp, correlator, cachebusting, requestId } = this
    return new SessionContext({
      timestamp,
      correlator,
      cachebusting,
      request_id: requestId,
      cookies,
      ...extrasJson({ ...extrasOf(this), ...changes }),
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

  /** The five fields, and the extras that there are, as plain data, for `JSON.stringify`, logs and messages to other threads (B-06). */
  toJSON(): SessionContextJson {
    const { timestamp, correlator, cachebusting, requestId, cookies } = this
    return {
      timestamp,
      correlator,
      cachebusting,
      request_id: requestId,
      cookies: { ...cookies },
      ...plain(extrasJson(this)),
    }
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

function setTexts(context: Writable<SessionContextExtras>, json: SessionContextJson): void {
  for (const [field, key] of TEXT_EXTRAS) {
    const value = json[key]
    if (value === undefined) continue
    if (typeof value !== 'string') throw new TypeError(`'${key}' must be a string`)
    context[field] = value
  }
}

type WithUndefined<T> = { readonly [Key in keyof T]?: T[Key] | undefined }

function extrasOf(context: SessionContextExtras): SessionContextExtras {
  const { userId, deviceId, ipAddress, userAgent, contentUrl, consent, metadata } = context
  return defined({ userId, deviceId, ipAddress, userAgent, contentUrl, consent, metadata })
}

const NONE: Partial<SessionContextJson> = Object.freeze({})

function extrasJson(extras: WithUndefined<SessionContextExtras>): Partial<SessionContextJson> {
  const { userId, deviceId, ipAddress, userAgent, contentUrl, consent, metadata } = extras
  // Most contexts have none, and one is made for every request.
  if ((userId ?? deviceId ?? ipAddress ?? userAgent ?? contentUrl ?? consent ?? metadata) === undefined)
    return NONE
  return defined({
    user_id: userId,
    device_id: deviceId,
    ip_address: ipAddress,
    user_agent: userAgent,
    content_url: contentUrl,
    consent,
    metadata,
  })
}

/** Without what is undefined. */
function defined<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Key in keyof T]?: Exclude<T[Key], undefined>
  }
}

/** A copy that may be cloned and sent: what a context holds itself refuses both. */
function plain<T>(value: T): T {
  if (Array.isArray(value)) return value.map(plain) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) as T
}

function copyCookies(cookies: Readonly<Record<string, string>>): ContextCookies {
  const copy: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(cookies)) {
    if (typeof value !== 'string') throw new TypeError(`cookie '${name}' must be a string`)
    copy[name] = value
  }
  return immutable(copy)
}
