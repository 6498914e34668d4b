import type { VastAd, VastDocument } from './model.js'
import { readVast } from './read-vast.js'
import { cdataElement, XmlElement } from './xml-node.js'

/** URLs to add to an ad. Macros in them stay for the player. */
export interface Trackers {
  readonly impressions?: readonly string[]
  readonly errors?: readonly string[]
  /** `ClickTracking` of every Linear. */
  readonly clicks?: readonly string[]
  /** `NonLinearClickTracking` of every NonLinear. */
  readonly nonLinearClicks?: readonly string[]
  /** `CompanionClickTracking` of every Companion. */
  readonly companionClicks?: readonly string[]
  /** `CompanionClickThrough` of every Companion, beside the one that it has: what prebid-server writes. */
  readonly companionClickThroughs?: readonly string[]
  /** By event name, for every Linear and NonLinearAds. */
  readonly events?: Readonly<Record<string, readonly string[]>>
}

/**
 * The document with trackers in every ad, or in each what a function gives for it. Everything that was in the document stays, known or
 * not; the one given is not changed. An ad without InLine and Wrapper stays as it is.
 */
export function injectTrackers(
  document: VastDocument,
  trackers: Trackers | ((ad: VastAd) => Trackers | null),
): VastDocument {
  const root = document.root.clone()
  for (const ad of readVast(root).ads) {
    const given = typeof trackers === 'function' ? trackers(ad) : trackers
    const body = ad.element.child('inline') ?? ad.element.child('wrapper')
    if (given !== null && body !== null) injectInto(body, given)
  }
  return readVast(root)
}

function injectInto(body: XmlElement, trackers: Trackers): void {
  afterLast(body, 'impression', elements('Impression', trackers.impressions))
  afterLast(body, 'error', elements('Error', trackers.errors))
  const clicks = elements('ClickTracking', trackers.clicks)
  const events = Object.entries(trackers.events ?? {}).flatMap(([event, urls]) =>
    elements('Tracking', urls, [['event', event]]),
  )
  for (const creative of body.path('creatives', 'creative')) {
    for (const linear of creative.all('linear')) {
      prependTo(linear, 'VideoClicks', clicks)
      prependTo(linear, 'TrackingEvents', events)
    }
    for (const ads of creative.all('nonlinearads')) injectNonLinear(body, ads, events, trackers)
    for (const ads of creative.all('companionads')) injectCompanions(body, ads, trackers)
  }
}

function injectNonLinear(
  body: XmlElement,
  ads: XmlElement,
  events: readonly XmlElement[],
  trackers: Trackers,
): void {
  const clicks = elements('NonLinearClickTracking', trackers.nonLinearClicks)
  prependTo(ads, 'TrackingEvents', events)
  const items = ads.all('nonlinear')
  for (const item of items) item.children.push(...copies(clicks))
  // A wrapper's NonLinear carries tracking for that of the InLine; an InLine's would be an ad of its own.
  if (items.length === 0 && body.key === 'wrapper' && clicks.length > 0) {
    ads.children.push(new XmlElement('NonLinear', [], clicks))
  }
}

function injectCompanions(body: XmlElement, ads: XmlElement, trackers: Trackers): void {
  const clicks = [
    ...elements('CompanionClickThrough', trackers.companionClickThroughs),
    ...elements('CompanionClickTracking', trackers.companionClicks),
  ]
  const items = ads.all('companion')
  for (const item of items) item.children.push(...copies(clicks))
  if (items.length === 0 && body.key === 'wrapper' && clicks.length > 0) {
    ads.children.push(new XmlElement('Companion', [], clicks))
  }
}

function elements(
  name: string,
  urls: readonly string[] = [],
  attributes: readonly (readonly [string, string])[] = [],
): XmlElement[] {
  return urls.map((url) => cdataElement(name, url, attributes))
}

function copies(list: readonly XmlElement[]): XmlElement[] {
  return list.map((element) => element.clone())
}

/** Behind the last of its kind, or at the end. */
function afterLast(parent: XmlElement, key: string, added: readonly XmlElement[]): void {
  const last = parent.children.findLastIndex((node) => node.kind === 'element' && node.key === key)
  parent.children.splice(last < 0 ? parent.children.length : last + 1, 0, ...added)
}

/** First in the container of that name, which is made at the end when there is none. */
function prependTo(parent: XmlElement, name: string, added: readonly XmlElement[]): void {
  if (added.length === 0) return
  const container = parent.child(name.toLowerCase())
  if (container === null) parent.children.push(new XmlElement(name, [], copies(added)))
  else container.children.unshift(...copies(added))
}
