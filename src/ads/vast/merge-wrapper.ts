import { XmlElement, type XmlNode } from './xml-node.js'

/**
 * Puts into an InLine what a wrapper around it says (VAST 4.3 §2.3.5, §3.19). To be called from the innermost wrapper to the outermost:
 * lists grow at the front, so that they end in wrapper order, and what there can be only one of (ClickThrough, companions, an icon of a program,
 * pricing) is taken from whoever is closest to the InLine. The wrapper is not changed.
 */
export function mergeWrapper(inline: XmlElement, wrapper: XmlElement): void {
  for (const name of ['Impression', 'Error', 'Survey']) prepend(inline, name, wrapper.all(name.toLowerCase()))
  for (const name of ['ViewableImpression', 'AdVerifications', 'Extensions']) {
    prependInto(inline, name, wrapper.all(name.toLowerCase()).flatMap(elementsOf))
  }
  if (inline.child('pricing') === null) prepend(inline, 'Pricing', wrapper.all('pricing').slice(0, 1))
  const creatives = inline.path('creatives', 'creative')
  const own = wrapper.path('creatives', 'creative')
  const linears = own.flatMap((creative) => creative.all('linear'))
  for (const target of creatives.flatMap((creative) => creative.all('linear'))) mergeLinear(target, linears)
  const nonLinears = own.flatMap((creative) => creative.all('nonlinearads'))
  for (const target of creatives.flatMap((creative) => creative.all('nonlinearads'))) {
    prependInto(
      target,
      'TrackingEvents',
      nonLinears.flatMap((ads) => ads.path('trackingevents', 'tracking')),
    )
    const clicks = nonLinears.flatMap((ads) => ads.path('nonlinear', 'nonlinearclicktracking'))
    for (const item of target.all('nonlinear')) prepend(item, 'NonLinearClickTracking', clicks)
  }
  const companionClicks = own.flatMap((creative) =>
    creative.path('companionads', 'companion', 'companionclicktracking'),
  )
  for (const item of creatives.flatMap((creative) => creative.path('companionads', 'companion'))) {
    prepend(item, 'CompanionClickTracking', companionClicks)
  }
  if (!creatives.some(hasCompanion)) {
    const shown = own.filter(hasCompanion).map((creative) => only(creative, 'companionads'))
    appendInto(inline, 'Creatives', shown)
  }
}

function mergeLinear(target: XmlElement, wrappers: readonly XmlElement[]): void {
  const all = (...path: readonly string[]): XmlElement[] => wrappers.flatMap((linear) => linear.path(...path))
  prependInto(target, 'TrackingEvents', all('trackingevents', 'tracking'))
  prependInto(target, 'VideoClicks', all('videoclicks', 'customclick'))
  prependInto(target, 'VideoClicks', all('videoclicks', 'clicktracking'))
  if (target.path('videoclicks', 'clickthrough').length === 0) {
    prependInto(target, 'VideoClicks', all('videoclicks', 'clickthrough').slice(0, 1))
  }
  const programs = new Set(target.path('icons', 'icon').map((icon) => icon.attribute('program')))
  appendInto(
    target,
    'Icons',
    all('icons', 'icon').filter((icon) => !programs.has(icon.attribute('program'))),
  )
  if (target.path('mediafiles', 'interactivecreativefile').length === 0) {
    const files = [...all('interactivecreativefile'), ...all('mediafiles', 'interactivecreativefile')]
    appendInto(target, 'MediaFiles', files)
  }
}

const SHOWN = ['staticresource', 'iframeresource', 'htmlresource']

/** A companion without anything to show is there for its tracking, and must not push out one that can be shown. */
function hasCompanion(creative: XmlElement): boolean {
  return creative
    .path('companionads', 'companion')
    .some((companion) => SHOWN.some((key) => companion.child(key) !== null))
}

function only(creative: XmlElement, key: string): XmlElement {
  return new XmlElement(creative.name, creative.attributes, creative.all(key))
}

function elementsOf(container: XmlElement): XmlElement[] {
  return container.children.filter((node): node is XmlElement => node.kind === 'element')
}

/** Before the first of its kind, else before the creatives, else at the end. */
function prepend(parent: XmlElement, name: string, added: readonly XmlElement[]): void {
  if (added.length === 0) return
  const key = name.toLowerCase()
  const is = (wanted: string) => (node: XmlNode) => node.kind === 'element' && node.key === wanted
  let place = parent.children.findIndex(is(key))
  if (place < 0) place = parent.children.findIndex(is('creatives'))
  parent.children.splice(place < 0 ? parent.children.length : place, 0, ...copies(added))
}

function prependInto(parent: XmlElement, name: string, added: readonly XmlElement[]): void {
  if (added.length === 0) return
  container(parent, name).children.unshift(...copies(added))
}

function appendInto(parent: XmlElement, name: string, added: readonly XmlElement[]): void {
  if (added.length === 0) return
  container(parent, name).children.push(...copies(added))
}

function container(parent: XmlElement, name: string): XmlElement {
  const found = parent.child(name.toLowerCase())
  if (found !== null) return found
  const made = new XmlElement(name)
  if (name === 'AdVerifications' || name === 'ViewableImpression') prepend(parent, name, [made])
  else parent.children.push(made)
  return parent.child(name.toLowerCase()) ?? made
}

function copies(list: readonly XmlElement[]): XmlElement[] {
  return list.map((element) => element.clone())
}
