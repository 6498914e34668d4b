import type { Category, VastAd, VastDocument, Verification } from './model.js'
import { parseXml, type XmlLimits } from './parse-xml.js'
import { readCreative } from './read-creative.js'
import { booleanOf, links, numberOf, textOf, texts, trackingEvents } from './read-values.js'
import { VastParseError } from './vast-parse-error.js'
import type { XmlElement } from './xml-node.js'

/**
 * Reads a VAST document of version 2 to 4. Real documents break the schema, so only the root must be right: what is missing is `null`
 * or empty, names are compared without case, and an `<Ad>` with neither InLine nor Wrapper is no ad.
 * @throws VastParseError: 100 not well-formed or over a limit, 101 no VAST, 102 another version
 */
export function parseVast(source: Uint8Array | string, limits: XmlLimits = {}): VastDocument {
  return readVast(parseXml(source, limits))
}

/**
 * The typed view of a document that was parsed, made or changed.
 * @throws VastParseError: 101 no VAST, 102 another version
 */
export function readVast(root: XmlElement): VastDocument {
  if (root.key === 'videoadservingtemplate') throw new VastParseError(102, 'VAST 1 is not supported')
  if (root.key !== 'vast') throw new VastParseError(101, `the root element is '${root.name.slice(0, 40)}'`)
  const version = root.attribute('version')
  const major = version === null || version === '' ? 2 : Number.parseInt(version, 10)
  if (major === 1 || major > 4)
    throw new VastParseError(102, `version '${version?.slice(0, 20)}' is not supported`)
  return {
    version,
    ads: root.all('ad').flatMap((element) => readAd(element) ?? []),
    errors: texts(root, 'error'),
    root,
  }
}

/** The typed view of one `<Ad>`; null when it holds neither InLine nor Wrapper. */
export function readAd(element: XmlElement): VastAd | null {
  const body = element.child('inline') ?? element.child('wrapper')
  if (body === null) return null
  const creatives = body.path('creatives', 'creative').map(readCreative)
  const adServingId = textOf(body.child('adservingid'))
  const system = body.child('adsystem')
  const pricing = body.child('pricing')
  const base = {
    id: element.attribute('id') || adServingId || creatives[0]?.adId || creatives[0]?.id || '',
    sequence: numberOf(element.attribute('sequence')),
    adType: element.attribute('adType') || 'video',
    adSystem: system === null ? null : { name: system.text, version: system.attribute('version') },
    impressions: links(body, 'impression'),
    errors: texts(body, 'error'),
    viewable: {
      viewable: body.path('viewableimpression', 'viewable').map((item) => item.text),
      notViewable: body.path('viewableimpression', 'notviewable').map((item) => item.text),
      undetermined: body.path('viewableimpression', 'viewundetermined').map((item) => item.text),
    },
    pricing:
      pricing === null
        ? null
        : { value: pricing.text, model: pricing.attribute('model'), currency: pricing.attribute('currency') },
    creatives,
    verifications: body.path('adverifications', 'verification').map(readVerification),
    extensions: body
      .path('extensions', 'extension')
      .map((extension) => ({ type: extension.attribute('type'), element: extension })),
    element,
  }
  if (body.key === 'inline') {
    return {
      kind: 'inline',
      ...base,
      title: textOf(body.child('adtitle')),
      adServingId,
      advertiser: textOf(body.child('advertiser')),
      description: textOf(body.child('description')),
      survey: textOf(body.child('survey')),
      expiresS: numberOf(textOf(body.child('expires'))),
      categories: categories(body, 'category'),
    }
  }
  return {
    kind: 'wrapper',
    ...base,
    tagUri: tagUri(body),
    followAdditionalWrappers: booleanOf(body.attribute('followAdditionalWrappers'), true),
    allowMultipleAds: booleanOf(body.attribute('allowMultipleAds'), false),
    fallbackOnNoAd: booleanOf(body.attribute('fallbackOnNoAd'), null),
    blockedCategories: categories(body, 'blockedadcategories'),
  }
}

/** VAST 2 documents may have the older `<VASTAdTagURL><URL>`. */
function tagUri(wrapper: XmlElement): string | null {
  const older = wrapper.child('vastadtagurl')
  return textOf(wrapper.child('vastadtaguri')) ?? textOf(older?.child('url') ?? null) ?? textOf(older)
}

/** Codes, one an entry: an element may hold several with commas between. */
function categories(body: XmlElement, key: string): Category[] {
  return body.all(key).flatMap((element) =>
    element.text
      .split(',')
      .map((value) => ({ authority: element.attribute('authority'), value: value.trim() }))
      .filter(({ value }) => value !== ''),
  )
}

function readVerification(element: XmlElement): Verification {
  return {
    vendor: element.attribute('vendor'),
    scripts: element
      .all('javascriptresource')
      .map((script) => ({ apiFramework: script.attribute('apiFramework'), url: script.text })),
    parameters: textOf(element.child('verificationparameters')),
    trackingEvents: trackingEvents(element),
  }
}
