import type { SessionContext } from '../../session/session-context.js'
import { isAllowed } from '../consent/scrub.js'
import { CookieJar } from './cookie-jar.js'
import { traceparent } from './traceparent.js'

export interface CorrelationOptions {
  /** Field that carries the correlator (B-35). Default `x-correlator`; null: none. */
  readonly header?: string | null
  /** Whether W3C `traceparent` goes along. Default true. */
  readonly traceparent?: boolean
  /** Whether cookies that a server sets come back to it within the same ad request (C-21). Default true. */
  readonly cookies?: boolean
  /** Origins (`https://ads.example.com`) that may have set the client's own cookies, and get them. Default: none. */
  readonly firstPartyOrigins?: readonly string[]
}

/** RFC 6265 §4.1.1: what may stand in a `Cookie` field; a value is percent-encoded before. */
const COOKIE_PAIR = /^[\x21-\x3a\x3c\x3e-\x7e]+=[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/

/** What joins the hops of one ad request: fields and cookies, for every upstream call, wrapper and redirect. */
export class HopFields {
  readonly #header: string | null
  readonly #traceparent: boolean
  readonly #cookies: boolean
  readonly #firstParty: ReadonlySet<string>
  readonly #jars = new WeakMap<SessionContext, CookieJar>()

  constructor(options: CorrelationOptions = {}) {
    this.#header = options.header === undefined ? 'x-correlator' : options.header
    this.#traceparent = options.traceparent ?? true
    this.#cookies = options.cookies ?? true
    this.#firstParty = new Set((options.firstPartyOrigins ?? []).map((origin) => new URL(origin).origin))
  }

  /** Fields by lower-case name for one hop. */
  for(context: SessionContext, url: URL): Record<string, string> {
    const fields: Record<string, string> = {}
    if (this.#header !== null) fields[this.#header] = context.correlator
    if (this.#traceparent) fields['traceparent'] = traceparent(context)
    if (this.#cookies && isAllowed(context, 'useIds')) {
      const cookie = [this.#own(context, url), this.#jars.get(context)?.cookieFor(url)]
        .filter((part) => part !== null && part !== undefined && part !== '')
        .join('; ')
      if (cookie !== '') fields['cookie'] = cookie
    }
    return fields
  }

  /** Remembers what a server set. @param lines values of `Set-Cookie` */
  onSetCookie(context: SessionContext, url: URL, lines: readonly string[]): void {
    if (!this.#cookies || lines.length === 0 || !isAllowed(context, 'useIds')) return
    const jar = this.#jars.get(context) ?? new CookieJar()
    this.#jars.set(context, jar)
    jar.store(url, lines)
  }

  #own(context: SessionContext, url: URL): string {
    if (!this.#firstParty.has(url.origin)) return ''
    return Object.entries(context.cookies)
      .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
      .filter((pair) => COOKIE_PAIR.test(pair))
      .join('; ')
  }
}
