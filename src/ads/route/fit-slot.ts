import { randomUUID } from 'node:crypto'
import type { SlotConfig } from '../../config/types-adserving.js'
import { cdataElement, readVast, type VastAd, type VastDocument, XmlElement } from '../vast/index.js'

/** An ad that is not handed on, with its VAST error code. */
export interface LeftOut {
  readonly ad: VastAd
  readonly code: number
}

/** What of a document fits the place that was asked for. */
export interface Fitting {
  /** In order. */
  readonly ads: readonly VastAd[]
  readonly left: readonly LeftOut[]
}

/**
 * Chooses the ads of a document that are handed on (ads.md §5.1 rank 10, §5.2): the pod in its order, and where it has none that fits the first stand-alone ad that does. Codes of
 * what does not: 200 another kind of ad, 201 linearity, 202 duration, 203 size, 204 no category, 206 the break is full, 403 no media file of a type
 * that can be played.
 *
 * Stand-alone ads beside a pod are for players to use in the place of one that they cannot play. They are not handed on: nobody could say whose place under
 * caps and budget they take.
 */
export function fitSlot(document: VastDocument, slot: SlotConfig): Fitting {
  const pod = document.ads
    .filter((ad) => ad.sequence !== null)
    .sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0))
  const left: LeftOut[] = []
  const ads: VastAd[] = []
  let durationMs = 0
  for (const ad of [...pod, ...document.ads.filter(({ sequence }) => sequence === null)]) {
    if (ad.sequence === null && ads.length > 0) break
    const lengthMs = durationOf(ad) ?? 0
    const isFull =
      ads.length >= slot.maxAds ||
      (slot.maxDurationMs !== null && durationMs + lengthMs > slot.maxDurationMs && ads.length > 0)
    const code = misfit(ad, slot) ?? (isFull ? 206 : null)
    if (code !== null) {
      left.push({ ad, code })
      continue
    }
    ads.push(ad)
    durationMs += lengthMs
  }
  return { ads, left }
}

/** Code of what is wrong with one ad. A wrapper that was not followed says nothing of what is behind it. */
function misfit(ad: VastAd, slot: SlotConfig): number | null {
  if (ad.kind === 'wrapper') return null
  const said = ad.element.attribute('adType')
  if (slot.adType !== null && said !== null && said !== '' && said.toLowerCase() !== slot.adType) return 200
  const linear = ad.creatives.flatMap((creative) => creative.linear ?? [])
  const hasNonLinear = ad.creatives.some(({ nonLinear }) => nonLinear !== null && nonLinear.items.length > 0)
  if (slot.linearity === 'linear' && linear.length === 0) return 201
  if (slot.linearity === 'nonlinear' && !hasNonLinear) return 201
  const durationMs = durationOf(ad)
  if (durationMs !== null) {
    const longestMs = Math.min(slot.maxAdDurationMs ?? Infinity, slot.maxDurationMs ?? Infinity)
    if (durationMs > longestMs || durationMs < (slot.minAdDurationMs ?? 0)) return 202
  }
  const files = linear.flatMap(({ mediaFiles, interactiveFiles }) => [...mediaFiles, ...interactiveFiles])
  if (files.length > 0 && slot.mediaTypes.length > 0) {
    if (!files.some(({ type }) => type !== null && slot.mediaTypes.includes(type.toLowerCase()))) return 403
  }
  const { maxWidth, maxHeight } = slot
  const isTooLarge = ({ width, height }: (typeof files)[number]): boolean =>
    (width ?? 0) > (maxWidth ?? Infinity) || (height ?? 0) > (maxHeight ?? Infinity)
  if (files.length > 0 && files.every(isTooLarge)) return 203
  return slot.requireCategory && ad.categories.length === 0 ? 204 : null
}

/** Of all its linear creatives; null when none says. */
function durationOf(ad: VastAd): number | null {
  let sumMs: number | null = null
  for (const { linear } of ad.creatives) {
    if (linear?.durationMs != null) sumMs = (sumMs ?? 0) + linear.durationMs
  }
  return sumMs
}

/**
 * The ads with an `<AdServingId>` each of its own, as VAST 4.3 §3.4.3 wants it in a pod: what is there stays where it is the first of its kind. A single ad
 * stays as it is.
 */
export function distinctServingIds(document: VastDocument, ads: readonly VastAd[]): readonly VastAd[] {
  if (ads.length < 2) return ads
  const seen = new Set<string>()
  const elements = ads.map((ad) => {
    const body = ad.element.child('inline')
    const id = ad.kind === 'inline' ? ad.adServingId : null
    if (body === null || (id !== null && id !== '' && !seen.has(id))) {
      if (id !== null) seen.add(id)
      return ad.element
    }
    const element = ad.element.clone()
    const inline = element.child('inline')
    const old =
      inline?.children.findIndex((node) => node.kind === 'element' && node.key === 'adservingid') ?? -1
    inline?.children.splice(Math.max(0, old), old < 0 ? 0 : 1, servingId())
    return element
  })
  const root = new XmlElement(document.root.name, document.root.attributes, [...elements])
  const read = readVast(root).ads
  return read.length === ads.length ? read : ads
}

/** `{AD SERVER NAME}-{UUID}` (ads.md §4.3, row 44). */
function servingId(): XmlElement {
  return cdataElement('AdServingId', `headgate-${randomUUID()}`)
}
