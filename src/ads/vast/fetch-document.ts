import { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import { MacroEngine } from '../macros/index.js'
import { CHAIN_DEFAULTS, type ChainOptions, type Hop } from './chain-types.js'
import { httpUrl } from './http-url.js'
import type { VastDocument } from './model.js'
import { parseVast } from './read-vast.js'
import { sendWithin } from './send-within.js'
import { VastParseError } from './vast-parse-error.js'

const defaultMacros = new MacroEngine()

/** A document, or the code of why there is none. `document` is null with code 303: there is an answer, and it is empty. */
export interface Fetched {
  readonly document: VastDocument | null
  readonly code: number | null
  /** Where it came from, after redirects. */
  readonly url: string
}

/** Fetches the documents of one chain, within its limits of number and time. */
export class DocumentFetcher {
  readonly hops: Hop[] = []
  private readonly options: ChainOptions
  private readonly deadlineMs: number
  private requests = 0

  constructor(options: ChainOptions) {
    this.options = options
    this.deadlineMs = now() + (options.totalTimeoutMs ?? CHAIN_DEFAULTS.totalTimeoutMs)
  }

  /**
   * Asks for the document that a wrapper points to.
   * @param url absolute, macros not yet replaced
   * @param blocked for `[BLOCKEDADCATEGORIES]`
   * @throws only `signal.reason`: everything else is a code
   */
  async fetch(url: string, depth: number, blocked: readonly string[]): Promise<Fetched> {
    const { context, guard, withheld } = this.options
    const values =
      blocked.length === 0 ? this.options.values : { BLOCKEDADCATEGORIES: blocked, ...this.options.values }
    const macros = this.options.macros ?? defaultMacros
    const expanded = context === undefined ? url : macros.expand(url, context, { values, withheld })
    const target = httpUrl(expanded)
    const startMs = now()
    let status: number | null = null
    const done = (code: number | null, document: VastDocument | null = null, from = expanded): Fetched => {
      this.hops.push({ url: expanded, depth, status, durationMs: now() - startMs, code })
      return { document, code, url: from }
    }
    if (target === null || (guard?.checkUrl(target) ?? null) !== null) return done(300)
    const hopMs = Math.min(
      this.options.hopTimeoutMs ?? CHAIN_DEFAULTS.hopTimeoutMs,
      this.deadlineMs - startMs,
    )
    if (hopMs <= 0) return done(301)
    this.requests += 1
    if (this.requests > (this.options.maxRequests ?? CHAIN_DEFAULTS.maxRequests)) return done(302)
    try {
      const { transport, headers, signal } = this.options
      const request = { url: expanded, ...(headers && { headers }), ...(context && { context }) }
      const answer = await sendWithin(transport, request, hopMs, signal)
      status = answer.status
      if (status === 204) return done(303, null, answer.url)
      if (status < 200 || status > 299) return done(301)
      if (isBlank(answer.body)) return done(303, null, answer.url)
      return done(null, parseVast(answer.body, this.options), answer.url)
    } catch (error) {
      if (this.options.signal?.aborted === true) throw this.options.signal.reason
      return done(codeOf(error))
    }
  }
}

function codeOf(error: unknown): number {
  if (error instanceof VastParseError) return error.vastCode
  // Where a document may not lead is the wrapper's fault; where nobody answers is not (table of error codes).
  return error instanceof GatewayError && error.reason === 'destination_ip_prohibited' ? 300 : 301
}

/** An answer without a document: nothing, or white space. */
export function isBlank(body: Uint8Array): boolean {
  return body.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d))
}
