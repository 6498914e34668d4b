import { describe, expect, it } from 'vitest'
import {
  injectTrackers,
  parseVast,
  serializeXml,
  type Trackers,
  VastParseError,
  wrapperVast,
  type XmlElement,
} from '#src/ads/index.js'
import { DOCUMENTS, fixture } from './support/fixtures.js'

interface Cases {
  events: {
    Errors: string[]
    Impressions: string[]
    VideoClicks: string[]
    NonLinearClickTracking: string[]
    CompanionClickThrough: string[]
    TrackingEvents: Record<string, string[]>
  }
  cases: { name: string; vast: string; nurl: string; want: string; error: string | null }[]
}

const { events, cases }: Cases = JSON.parse(fixture('prebid/cases.json').toString())
const VALUES: Record<string, string> = {
  'PBS-BIDID': 'bid123',
  'PBS-APPBUNDLE': 'testbundle',
  'PBS-PUBDOMAIN': 'publishertestdomain',
  'PBS-PAGEURL': 'pageurltest',
  'PBS-ACCOUNTID': 'testpublisherID',
  'PBS-LIMITADTRACKING': '1',
  'PBS-GDPRCONSENT': '1',
}
const filled = (urls: string[] = []) =>
  urls.map((url) => url.replace(/##([^#]+)##/g, (_, name) => VALUES[name] ?? ''))
const trackers: Trackers = {
  errors: filled(events.Errors),
  impressions: filled(events.Impressions),
  clicks: filled(events.VideoClicks),
  nonLinearClicks: filled(events.NonLinearClickTracking),
  companionClickThroughs: filled(events.CompanionClickThrough),
  events: { firstQuartile: filled(events.TrackingEvents['firstQuartile']) },
}

/** Names, attributes, text and order; not which of text and CDATA it is, nor namespaces, which prebid's writer mangles. */
function shape(element: XmlElement): unknown {
  const attributes = [...element.attributes].filter(([name]) => !name.includes('xmlns'))
  const children = element.children.flatMap((node) => (node.kind === 'element' ? [shape(node)] : []))
  return [element.name, Object.fromEntries(attributes), element.text, children]
}

describe('tracker injection, by the cases of prebid-server', () => {
  it.each(cases)('$name', ({ vast, nurl, want, error }) => {
    const source =
      vast === '' && nurl !== '' ? wrapperVast({ tagUri: nurl, adSystem: 'prebid.org wrapper' }) : vast
    if (want === '') {
      expect(error).not.toBeNull()
      expect(() => parseVast(source)).toThrow(VastParseError)
      return
    }
    const given = vast === '' ? {} : trackers
    const result = injectTrackers(parseVast(source), given)
    expect(shape(parseVast(serializeXml(result.root)).root)).toEqual(shape(parseVast(want).root))
    // "inline/wrapper tag not found" is an error there; here the document has no ad.
    if (error !== null) expect(result.ads).toEqual([])
  })
})

describe('tracker injection', () => {
  it.each(DOCUMENTS.filter((path) => !/invalid|outdated/.test(path)))('loses nothing of %s', (path) => {
    const before = parseVast(fixture(path))
    const copy = before.root.clone()
    const after = injectTrackers(before, { ...trackers, companionClicks: ['https://x.example/cc'] })
    expect(before.root).toEqual(copy)
    const added = new Set(
      [
        trackers.errors,
        trackers.impressions,
        trackers.clicks,
        trackers.nonLinearClicks,
        trackers.companionClickThroughs,
        Object.values(trackers.events ?? {}).flat(),
        ['https://x.example/cc'],
      ].flatMap((urls) => urls ?? []),
    )
    expect(stripped(after.root, added)).toEqual(stripped(copy, new Set()))
    for (const ad of after.ads)
      expect(ad.impressions.map(({ url }) => url)).toContain(trackers.impressions?.[0])
  })

  it('can differ from ad to ad, and skip one', () => {
    const document = injectTrackers(parseVast(fixture('vast-client-js/sample.xml')), (ad) =>
      ad.sequence === null ? null : { impressions: [`https://gw.example/e?ad=${ad.id}&t=]]>`] },
    )
    const [first, second] = parseVast(serializeXml(document.root)).ads
    expect(first?.impressions.at(-1)?.url).toBe('https://gw.example/e?ad=ad_id_0001&t=]]>')
    expect(second?.impressions).toHaveLength(1)
  })
})

/** The tree without elements that hold one of these texts, and without what is empty then. */
function stripped(element: XmlElement, without: Set<string>): unknown {
  const children = element.children.flatMap((node): unknown[] => {
    if (node.kind !== 'element') return node.kind === 'text' && node.value.trim() === '' ? [] : [node]
    const inner = stripped(node, without) as unknown[]
    return without.has(node.text) ||
      (Array.isArray(inner[2]) && inner[2].length === 0 && node.attributes.size === 0)
      ? []
      : [inner]
  })
  return [element.name, [...element.attributes], children]
}
