import type { AdServingConfig } from '../../config/types-adserving.js'
import type { ReadonlyRequestHeader } from '../../session/message-headers.js'
import { isAllowed, truncateIp } from '../consent/index.js'
import { MacroEngine } from '../macros/index.js'
import { HttpTransport } from '../transports/index.js'
import {
  adValues,
  createDestinationGuard,
  type Device,
  deviceHeaders,
  ErrorPixels,
  type Trackers,
  type VastAd,
  type VastCall,
} from '../vast/index.js'
import type { AdRouteEnv } from './ad-route.js'
import { BeaconSeals, playerMacros, type SealedBeacons, valuesOfPlayer } from './beacon-seals.js'
import { withImpressions, withTracking } from './rewrite-trackers.js'
import { macroOptions } from './route-macros.js'
import type { HandedOn } from './slot-upstream.js'

/** Tokens that a worker remembers, so that one that comes again calls nothing. */
const MOST_REMEMBERED = 10_000

/**
 * Calls URLs of ads for the device that watches (VAST 4.3 §2.3.4; ads.md §5.1 rank 9): impressions and tracking where the route is configured so, and
 * `<Error>` of ads that are not handed on. Beside the requests, bounded, and only where the route's guard lets it.
 */
export class Beacons {
  readonly #at: 'fill' | 'event' | null
  readonly #pixels: ErrorPixels
  readonly #transport: HttpTransport
  readonly #seals: BeaconSeals | null
  readonly #remembered = new Set<string>()

  constructor(config: AdServingConfig, { count }: Pick<AdRouteEnv, 'count'>) {
    const { beacons, events } = config
    const { hosts, ...ranges } = config.guard
    const guard = createDestinationGuard({ ...ranges, ...(hosts === null ? {} : { hosts }) })
    const timeoutMs = beacons?.timeoutMs ?? config.timeoutMs
    this.#at = beacons?.at ?? null
    this.#transport = new HttpTransport({ guard, timeoutMs })
    this.#seals = beacons?.at === 'event' && events !== null ? new BeaconSeals(events) : null
    this.#pixels = new ErrorPixels({
      transport: this.#transport,
      guard,
      macros: new MacroEngine(macroOptions(config.macros)),
      timeoutMs,
      ...(beacons === null ? {} : { maxConcurrent: beacons.maxConcurrent, maxQueued: beacons.maxQueued }),
      onCount: (what, amount) => count(`ad_beacon:${what}`, amount),
    })
  }

  /** Reports an ad that is not handed on to its `<Error>` URLs: those of the wrappers around it are among them. */
  readonly misfit = (ad: VastAd, code: number, call: VastCall): void => {
    const { context, device, withheld } = call
    const values = { SERVERSIDE: device === undefined ? 2 : 1, ...call.values, ...adValues(ad) }
    const headers = device === undefined ? undefined : deviceHeaders(device, withheld)
    this.#pixels.fire(ad.errors, code, { context, values, withheld, headers })
  }

  /**
   * An ad as the player gets it: without the impressions that are called from here, which happens now (`fill`) or when the player reports to the URLs that
   * stand in their place (`event`).
   * @param base of the event endpoint
   */
  handOn(ad: VastAd, trackers: Trackers | null, call: VastCall, base: string | null): HandedOn {
    const impressions = ad.impressions.map(({ url }) => url)
    if (this.#at === 'fill') {
      this.#call(impressions, call, ad)
      return { ad: withImpressions(ad, [], trackers?.impressions ?? []), trackers: without(trackers) }
    }
    const seals = this.#seals
    if (this.#at === null || seals === null || base === null) return { ad, trackers }
    const sealed = (urls: readonly string[]) => {
      const { tokens, tooLong } = seals.seal(sealable(urls, call, ad))
      return { tokens: tokens.map((token) => `b=${token}${playerMacros(urls)}`), tooLong }
    }
    const { tokens, tooLong } = sealed(impressions)
    const [own, ...others] = trackers?.impressions ?? []
    // The reported impression calls all of them at the same time (VAST 4.3 §2.3.4).
    const [first, ...more] = tokens
    const main = own === undefined ? `${base}?${first ?? ''}` : first === undefined ? own : `${own}&${first}`
    const reported = withImpressions(ad, tooLong, [
      ...(own === undefined && first === undefined ? [] : [main]),
      ...more.map((token) => `${base}?${token}`),
      ...others,
    ])
    const tracked = withTracking(reported, (url) => {
      const [token] = sealed([url]).tokens
      return token === undefined ? url : `${base}?${token}`
    })
    return { ad: tracked, trackers: without(trackers) }
  }

  /**
   * Calls what stands in a token that a player brought back, once.
   * @returns whether the token is genuine
   */
  reported(query: URLSearchParams, request: ReadonlyRequestHeader, address: string): boolean {
    const token = query.get('b') ?? ''
    const sealed = this.#seals?.open(token) ?? null
    if (sealed === null) return false
    if (this.#isRepeated(token)) return true
    const ip = sealed.isScrubbed ? truncateIp(address) : address
    const device = deviceFrom(request, ip)
    const { urls, withheld } = sealed
    const values = {
      ...sealed.values,
      ...valuesOfPlayer(query),
      DEVICEIP: ip,
      DEVICEUA: device.userAgent,
      SERVERSIDE: 1,
    }
    this.#pixels.call(urls, 'tracking', { values, withheld, headers: deviceHeaders(device, withheld) })
    return true
  }

  async close(): Promise<void> {
    await this.#pixels.close()
    await this.#transport.close()
  }

  #call(urls: readonly string[], { context, device = {}, values, withheld }: VastCall, ad: VastAd): void {
    const own = { ...values, ...adValues(ad), SERVERSIDE: 1 }
    const headers = deviceHeaders(device, withheld)
    this.#pixels.call(urls, 'tracking', { context, values: own, withheld, headers })
  }

  #isRepeated(token: string): boolean {
    if (this.#remembered.has(token)) return true
    this.#remembered.add(token)
    if (this.#remembered.size > MOST_REMEMBERED) {
      const [oldest] = this.#remembered
      if (oldest !== undefined) this.#remembered.delete(oldest)
    }
    return false
  }
}

/** Impressions stand in the ad already. */
function without(trackers: Trackers | null): Trackers | null {
  return trackers === null ? null : { ...trackers, impressions: [] }
}

function sealable(urls: readonly string[], call: VastCall, ad: VastAd): SealedBeacons {
  const { context, values, withheld = new Set() } = call
  return {
    urls,
    values: { ...values, CORRELATOR: context?.correlator, ...adValues(ad) },
    withheld,
    isScrubbed: !isAllowed(context, 'preciseGeo'),
  }
}

function deviceFrom({ headers }: ReadonlyRequestHeader, ip: string): Device {
  const userAgent = headers.get('user-agent')
  const referer = headers.get('referer')
  const acceptLanguage = headers.get('accept-language')
  const requestedWith = headers.get('x-requested-with')
  return {
    ip,
    ...(userAgent === null ? {} : { userAgent }),
    ...(referer === null ? {} : { referer }),
    ...(acceptLanguage === null ? {} : { acceptLanguage }),
    ...(requestedWith === null ? {} : { requestedWith }),
  }
}
