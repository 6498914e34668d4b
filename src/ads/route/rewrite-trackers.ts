import { cdataElement, readVast, type VastAd, XmlElement } from '../vast/index.js'

/** The ad with these impressions and no others. InLine and Wrapper must have one: where there is none left it says `about:blank`. */
export function withImpressions(ad: VastAd, kept: readonly string[], own: readonly string[]): VastAd {
  const urls = [...kept, ...own]
  return changed(ad, (body) => {
    const at = body.children.findIndex((node) => node.kind === 'element' && node.key === 'impression')
    const others = body.children.filter((node) => node.kind !== 'element' || node.key !== 'impression')
    const elements = (urls.length === 0 ? ['about:blank'] : urls).map((url) =>
      cdataElement('Impression', url),
    )
    others.splice(at < 0 ? others.length : at, 0, ...elements)
    body.children.splice(0, body.children.length, ...others)
  })
}

/** The ad with another URL in each `<Tracking>` of its linear and non-linear creatives. */
export function withTracking(ad: VastAd, rewrite: (url: string) => string): VastAd {
  return changed(ad, (body) => {
    for (const creative of body.path('creatives', 'creative')) {
      for (const kind of ['linear', 'nonlinearads']) {
        for (const tracking of creative.path(kind, 'trackingevents', 'tracking')) {
          const url = tracking.text
          if (url === '') continue
          tracking.children.splice(0, tracking.children.length, { kind: 'cdata', value: rewrite(url) })
        }
      }
    }
  })
}

function changed(ad: VastAd, change: (body: XmlElement) => void): VastAd {
  const element = ad.element.clone()
  const body = element.child('inline') ?? element.child('wrapper')
  if (body === null) return ad
  change(body)
  return readVast(new XmlElement('VAST', [['version', '4.2']], [element])).ads[0] ?? ad
}
