import { now } from '../../time/index.js'
import { checkContext } from '../context/index.js'
import { MacroEngine, type MacroEngineOptions, type MacroValues, requestUrl } from '../macros/index.js'
import {
  BaseUpstream,
  type DestinationGuard,
  type ParamValue,
  type Transport,
  type UpstreamCall,
  UpstreamStatusError,
} from '../upstream/index.js'
import { adValues } from './ad-values.js'
import { CHAIN_DEFAULTS, type ChainLimits } from './chain-types.js'
import { type Device, deviceHeaders, deviceValues } from './device.js'
import { type ErrorPixelOptions, ErrorPixels } from './error-pixels.js'
import { isBlank } from './fetch-document.js'
import type { VastAd } from './model.js'
import { parseVast } from './read-vast.js'
import { resolveChain } from './resolve-chain.js'
import { sendWithin } from './send-within.js'
import { type VastResult, vastFill, vastNoFill, withAds } from './vast-result.js'

/** Of a call's deadline, kept free. */
const MARGIN = 0.05
const LONGEST_MARGIN_MS = 100

export interface VastUpstreamOptions extends ChainLimits {
  readonly transport: Transport
  /** Of the ad server; a call may name another. Macros are replaced in it. */
  readonly endpoint?: string
  /** In logs and metrics. Default `vast`. */
  readonly name?: string
  /** Added to the query; those of a call come first. */
  readonly params?: Readonly<Record<string, ParamValue>>
  readonly headers?: Readonly<Record<string, string>>
  /** An engine, or the options of one. Default: profile `iab`. */
  readonly macros?: MacroEngine | MacroEngineOptions
  /** Values of macros, after those of a call. */
  readonly values?: MacroValues
  /** Follow wrappers. Default true; false hands the first document on as it is. */
  readonly unwrap?: boolean
  /** Where wrappers and error pixels may lead. Give the transport the same one: it checks addresses. Default: anywhere. */
  readonly guard?: DestinationGuard
  /** `<Error>` URLs of chains that failed are called. Default: yes, within the bounds of {@link ErrorPixels}; false calls none. */
  readonly errorPixels?: Pick<ErrorPixelOptions, 'maxConcurrent' | 'maxQueued' | 'timeoutMs'> | false
}

export interface VastCall extends UpstreamCall {
  /** Values of macros for this call. */
  readonly values?: MacroValues
  /** Macros that become `-2`, by consent. Default: none. */
  readonly withheld?: ReadonlySet<string>
  /** Ask on behalf of this device, with its word: `X-Device-…` fields on every hop and pixel, `[SERVERSIDE]` 1. */
  readonly device?: Device
}

/** Asks an ad server for VAST, follows its wrappers and gives the ads behind them (B-03, B-04). */
export class VastUpstream extends BaseUpstream<VastResult> {
  readonly name: string
  readonly macros: MacroEngine
  /** Counts of error pixels. */
  readonly pixels: ErrorPixels
  private readonly options: VastUpstreamOptions
  private closing: Promise<void> | undefined

  constructor(options: VastUpstreamOptions) {
    super()
    const { transport, guard, errorPixels, macros } = options
    this.options = options
    this.name = options.name ?? 'vast'
    this.macros = macros instanceof MacroEngine ? macros : new MacroEngine(macros)
    this.pixels = new ErrorPixels({ ...(errorPixels || {}), transport, guard, macros: this.macros })
  }

  /**
   * Asks once. An answer without an ad, and a chain that ends without one, are no-fill.
   * @throws TypeError when there is no endpoint; UpstreamStatusError, VastParseError, GatewayError (timeout, connect failed …) for the ad server's
   *   own answer; `signal.reason`
   */
  async request(call: VastCall = {}): Promise<VastResult> {
    const { options } = this
    const endpoint = call.endpoint ?? options.endpoint
    if (endpoint === undefined) throw new TypeError(`upstream '${this.name}' has no endpoint`)
    const { context, signal, withheld, device } = call
    checkContext(context)
    const values = {
      SERVERSIDE: device === undefined ? 2 : 1,
      ...options.values,
      ...(device && deviceValues(device)),
      ...call.values,
    }
    const params = { ...options.params, ...call.params }
    const forDevice = device === undefined ? undefined : deviceHeaders(device, withheld)
    const headers = joinHeaders(options.headers, forDevice, call.headers)
    const url = requestUrl(this.macros, endpoint, params, context, { values, withheld })
    const startMs = now()
    const limitMs = options.totalTimeoutMs ?? CHAIN_DEFAULTS.totalTimeoutMs
    // A part of the deadline is for what is decided about the answer: who uses all of it has nothing to show (304).
    const leftMs = call.deadlineMs === undefined ? Number.POSITIVE_INFINITY : call.deadlineMs - startMs
    const endMs = startMs + Math.min(limitMs, leftMs - Math.min(LONGEST_MARGIN_MS, leftMs * MARGIN))
    const request = { url, headers, ...(context && { context }) }
    const answer = await sendWithin(options.transport, request, endMs - startMs, signal)
    if (answer.status < 200 || answer.status > 299) throw new UpstreamStatusError(answer.status, this.name)
    if (answer.status === 204 || isBlank(answer.body)) return vastNoFill(null, [])
    const document = parseVast(answer.body, options)
    const onError =
      options.errorPixels === false
        ? undefined
        : (urls: readonly string[], code: number, ad: VastAd | null): void =>
            this.pixels.fire(urls, code, {
              context,
              values: ad === null ? values : { ...values, ...adValues(ad) },
              withheld,
              headers: forDevice,
            })
    if (options.unwrap === false) {
      const [ad] = document.ads
      if (ad !== undefined) return vastFill(document, ad, [], false)
      onError?.(document.errors, 303, null)
      return vastNoFill(null, [])
    }
    const { ads, code, hops, usedFallback, version } = await resolveChain(document, answer.url, {
      ...options,
      macros: this.macros,
      totalTimeoutMs: endMs - now(),
      context,
      headers,
      signal,
      values,
      withheld,
      onError,
      visited: [url, endpoint],
    })
    const [first] = ads
    if (first === undefined) return vastNoFill(document.ads.length === 0 ? null : code, hops)
    return vastFill(withAds(document, ads, version), first, hops, usedFallback)
  }

  /** Lets the pixels under way end, then closes the transport. */
  close(): Promise<void> {
    this.closing ??= this.pixels.close().then(() => this.options.transport.close())
    return this.closing
  }

  healthCheck(): Promise<boolean> {
    return this.closing === undefined ? this.options.transport.healthCheck() : Promise.resolve(false)
  }
}

/** Later ones win; names in lower case. */
function joinHeaders(
  ...groups: readonly (Readonly<Record<string, string>> | undefined)[]
): Record<string, string> {
  const joined: Record<string, string> = {}
  for (const group of groups) {
    for (const [name, value] of Object.entries(group ?? {})) joined[name.toLowerCase()] = value
  }
  return joined
}
