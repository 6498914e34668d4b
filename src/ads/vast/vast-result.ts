import type { Fill, NoFill } from '../upstream/index.js'
import type { Hop } from './chain-types.js'
import { injectTrackers, type Trackers } from './inject-trackers.js'
import { noFillVast } from './make-vast.js'
import type { VastAd, VastDocument } from './model.js'
import { readVast } from './read-vast.js'
import { serializeXml } from './serialize-xml.js'
import { XmlElement } from './xml-node.js'

interface FromChain {
  /** Documents that were asked for after the first, in the order in which they ended. */
  readonly hops: readonly Hop[]
}

/** There are ads. */
export interface VastFill extends Fill<VastAd>, FromChain {
  /** The first one. */
  readonly ad: VastAd
  /** Pods in their order, then what stands alone. `InLine` all of them, unless the upstream does not unwrap. */
  readonly ads: readonly VastAd[]
  readonly document: VastDocument
  /** Whether a stand-alone ad took the place of one that failed. */
  readonly usedFallback: boolean
  /** The document for the player, with trackers if there are any. */
  toXml(trackers?: Trackers | ((ad: VastAd) => Trackers | null)): string
}

/** There is none. */
export interface VastNoFill extends NoFill, FromChain {
  /** VAST error code, or null when there was just no ad. */
  readonly code: number | null
  /** A document without ads, for the player. */
  toXml(): string
}

export type VastResult = VastFill | VastNoFill

export function vastFill(
  document: VastDocument,
  ad: VastAd,
  hops: readonly Hop[],
  usedFallback: boolean,
): VastFill {
  return {
    kind: 'fill',
    ad,
    terms: { expiryMs: expiryOf(ad) },
    ads: document.ads,
    document,
    hops,
    usedFallback,
    toXml: (trackers) =>
      serializeXml((trackers === undefined ? document : injectTrackers(document, trackers)).root),
  }
}

/** How long an ad says that it may be used, ms; null: it does not say. */
export function expiryOf(ad: VastAd): number | null {
  return ad.kind === 'inline' && ad.expiresS !== null && ad.expiresS > 0 ? ad.expiresS * 1000 : null
}

export function vastNoFill(code: number | null, hops: readonly Hop[]): VastNoFill {
  const reason = code === null || code === 303 ? 'no-ad' : code === 301 ? 'timeout' : 'error'
  return { kind: 'no-fill', reason, code, hops, toXml: () => noFillVast() }
}

/** The first document of a chain with other ads in it: its root and what stands there beside ads stay. */
export function withAds(
  document: VastDocument,
  ads: readonly VastAd[],
  version: string | null,
): VastDocument {
  const { root } = document
  const made = new XmlElement(root.name, root.attributes)
  if (version !== null && version !== document.version) made.attributes.set('version', version)
  made.children.push(...root.children.filter((node) => node.kind !== 'element' || node.key !== 'ad'))
  made.children.push(...ads.map((ad) => ad.element))
  return readVast(made)
}
