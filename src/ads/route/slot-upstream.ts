import type { SlotConfig } from '../../config/types-adserving.js'
import { type AdTerms, BaseUpstream, type NoFill, type Upstream } from '../upstream/index.js'
import {
  expiryOf,
  injectTrackers,
  serializeXml,
  type Trackers,
  type VastAd,
  type VastCall,
  type VastDocument,
  withAds,
} from '../vast/index.js'
import type { Bid, RouteResult } from './ad-source.js'
import { distinctServingIds, fitSlot } from './fit-slot.js'

/** A document as a source gives it. */
export interface SourceFill {
  readonly kind: 'fill'
  readonly document: VastDocument
  readonly bid?: Bid
  readonly terms?: AdTerms
  /** As of `Fill`. */
  readonly decided?: (isServed: boolean) => void
  /** Impressions of the offer as a whole: of its first ad. */
  readonly impressions?: readonly string[]
}

/** One ad as it goes to the player: what is in the place of the ad's own element, and what is added to it. */
export interface HandedOn {
  readonly ad: VastAd
  readonly trackers: Trackers | null
}

/** Calls the `<Error>` URLs of an ad that is not handed on. */
export type ReportMisfit = (ad: VastAd, code: number, call: VastCall) => void

/** Makes of a source's documents what fits the place; what does not is told to the ads' `<Error>` URLs. */
export class SlotUpstream extends BaseUpstream<RouteResult> {
  readonly isIdempotent: boolean
  readonly #inner: Upstream<SourceFill | NoFill>
  readonly #slot: SlotConfig
  readonly #report: ReportMisfit

  constructor(inner: Upstream<SourceFill | NoFill>, slot: SlotConfig, report: ReportMisfit) {
    super()
    this.isIdempotent = inner.isIdempotent ?? true
    this.#inner = inner
    this.#slot = slot
    this.#report = report
  }

  get name(): string {
    return this.#inner.name
  }

  async request(call: VastCall = {}): Promise<RouteResult> {
    const result = await this.#inner.request(call)
    if (result.kind === 'no-fill') return result
    const { document, bid, terms, decided, impressions = [] } = result
    const { ads: fitting, left } = fitSlot(document, this.#slot)
    for (const { ad, code } of left) this.#report(ad, code, call)
    const ads = withImpressionsOf(document, distinctServingIds(document, fitting), impressions)
    const [first] = ads
    if (first === undefined) {
      bid?.refuse()
      return { kind: 'no-fill', reason: 'no-ad' }
    }
    return {
      kind: 'fill',
      ad: first,
      units: ads,
      ...(bid === undefined ? {} : { bid }),
      ...(decided === undefined ? {} : { decided }),
      terms: { ...terms, expiryMs: soonest([terms?.expiryMs ?? null, ...ads.map(expiryOf)]) },
      toXml: (handedOn) => toXml(document, handedOn),
    }
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  healthCheck(): Promise<boolean> {
    return this.#inner.healthCheck()
  }
}

/** Null: none says anything. */
function soonest(expiries: readonly (number | null)[]): number | null {
  const said = expiries.filter((expiryMs) => expiryMs !== null)
  return said.length === 0 ? null : Math.min(...said)
}

/** The first ad carries what is to be called for the offer. */
function withImpressionsOf(
  document: VastDocument,
  ads: readonly VastAd[],
  impressions: readonly string[],
): readonly VastAd[] {
  if (impressions.length === 0) return ads
  let isFirst = true
  return injectTrackers(withAds(document, ads, null), () => {
    const given = isFirst ? { impressions } : null
    isFirst = false
    return given
  }).ads
}

function toXml(document: VastDocument, handedOn: readonly HandedOn[]): string {
  const made = withAds(
    document,
    handedOn.map(({ ad }) => ad),
    null,
  )
  const trackers = handedOn.values()
  return serializeXml(injectTrackers(made, () => trackers.next().value?.trackers ?? null).root)
}
