import { CHAIN_DEFAULTS, type ChainOptions, type Resolution } from './chain-types.js'
import { DocumentFetcher } from './fetch-document.js'
import { httpUrl } from './http-url.js'
import { mergeWrapper } from './merge-wrapper.js'
import type { VastAd, VastDocument, VastInLine, VastWrapper } from './model.js'
import { keepNamespaces } from './namespaces.js'
import { readAd } from './read-vast.js'
import type { XmlElement } from './xml-node.js'

/** How a document's ads came to be looked at. */
interface Place {
  /** From the outermost. */
  readonly wrappers: readonly { readonly ad: VastWrapper; readonly root: XmlElement }[]
  /** URLs before their macros were replaced, so that a cache-buster does not hide a loop. */
  readonly visited: readonly string[]
  /** Of the document, against which its URLs are resolved. */
  readonly base: string | undefined
  readonly allowMultiple: boolean
  readonly allowWrappers: boolean
}

interface Outcome {
  readonly ads: readonly VastInLine[]
  readonly code: number | null
}

const nothing = (code: number): Outcome => ({ ads: [], code })

/**
 * Follows the wrappers of a document to the ads behind them and merges what they say into these (VAST 4.3 §2.3.5, §3.19).
 *
 * - More wrappers in a row than `maxWrappers` is 302, a URL that the chain was at before 300, a timeout or a bad status 301, no ad 303, a
 *   blocked category 205; each goes to the `<Error>` URLs of the failed ad and of every wrapper around it that is left without one.
 * - `followAdditionalWrappers`, `allowMultipleAds` and `fallbackOnNoAd` are kept to, with the defaults of the specification.
 * - An InLine without anything to show is no ad: 303.
 * - An ad of a pod that fails is replaced by a stand-alone ad of its document, unless its wrapper says `fallbackOnNoAd="false"`.
 *
 * @param url of the document, if it has one: for relative URLs and loops
 * @throws only `options.signal.reason`
 */
export async function resolveChain(
  document: VastDocument,
  url: string | undefined,
  options: ChainOptions,
): Promise<Resolution> {
  const resolver = new ChainResolver(options)
  const outcome = await resolver.ads(document, {
    wrappers: [],
    visited: [url, ...(options.visited ?? [])].flatMap((one) => (one === undefined ? [] : loopKey(one))),
    base: url,
    allowMultiple: true,
    allowWrappers: true,
  })
  const { fetcher, usedFallback, versions } = resolver
  return { ...outcome, hops: fetcher.hops, usedFallback, version: highest(versions) }
}

class ChainResolver {
  readonly fetcher: DocumentFetcher
  usedFallback = false
  readonly versions = new Set<string>()
  private readonly options: ChainOptions

  constructor(options: ChainOptions) {
    this.options = options
    this.fetcher = new DocumentFetcher(options)
  }

  /** The ads of a document. */
  async ads(document: VastDocument, place: Place): Promise<Outcome> {
    if (document.ads.length === 0) {
      this.report(document, null, 303)
      return nothing(303)
    }
    const usable = document.ads
      .filter((ad) => place.allowWrappers || ad.kind === 'inline')
      .slice(0, this.options.maxAds ?? CHAIN_DEFAULTS.maxAds)
    const pod = usable
      .filter((ad) => ad.sequence !== null)
      .sort((a, b) => (a.sequence ?? 0) - (b.sequence ?? 0))
    const alone = usable.filter((ad) => ad.sequence === null)
    if (!place.allowMultiple) {
      // A single ad with a sequence is no pod: many servers number every ad.
      return this.first(alone.length > 0 ? alone : usable.length === 1 ? usable : [], document, place)
    }
    return pod.length > 0 ? this.pod(pod, alone, document, place) : this.all(alone, document, place)
  }

  /** The first stand-alone ad; the next ones only where a wrapper allows it. */
  private async first(ads: readonly VastAd[], document: VastDocument, place: Place): Promise<Outcome> {
    let code = 303
    for (const [index, ad] of ads.entries()) {
      const outcome = await this.ad(ad, document, place)
      const [found] = outcome.ads
      if (found !== undefined) {
        if (index > 0) this.usedFallback = true
        return { ads: [found], code: null }
      }
      if (index === 0) code = outcome.code ?? code
      if (ad.kind !== 'wrapper' || ad.fallbackOnNoAd !== true) break
    }
    return nothing(code)
  }

  private async all(ads: readonly VastAd[], document: VastDocument, place: Place): Promise<Outcome> {
    const outcomes = await Promise.all(ads.map((ad) => this.ad(ad, document, place)))
    const found = outcomes.flatMap((outcome) => outcome.ads)
    return found.length > 0 ? { ads: found, code: null } : nothing(outcomes[0]?.code ?? 303)
  }

  private async pod(
    pod: readonly VastAd[],
    alone: readonly VastAd[],
    document: VastDocument,
    place: Place,
  ): Promise<Outcome> {
    const outcomes = await Promise.all(pod.map((ad) => this.ad(ad, document, place)))
    const spare = [...alone]
    // Numbers stay as they are unless one place became several.
    const renumbered = outcomes.some((outcome) => outcome.ads.length > 1)
    const ads: VastInLine[] = []
    for (const [index, outcome] of outcomes.entries()) {
      const slot = pod[index]
      let found = outcome.ads
      if (found.length === 0 && !(slot?.kind === 'wrapper' && slot.fallbackOnNoAd === false)) {
        found = await this.substitute(spare, document, place)
      }
      const start = renumbered ? ads.length + 1 : (slot?.sequence ?? ads.length + 1)
      ads.push(...found.map((ad, offset) => sequenced(ad, start + offset)))
    }
    // What needs no further request stays, for the player to use in the place of what it cannot play.
    const left = await Promise.all(
      spare.filter((ad) => ad.kind === 'inline').map((ad) => this.ad(ad, document, place)),
    )
    if (ads.length === 0) return nothing(outcomes[0]?.code ?? 303)
    return { ads: [...ads, ...left.flatMap((outcome) => outcome.ads)], code: null }
  }

  /** Takes stand-alone ads until one has something to show. */
  private async substitute(
    spare: VastAd[],
    document: VastDocument,
    place: Place,
  ): Promise<readonly VastInLine[]> {
    for (let ad = spare.shift(); ad !== undefined; ad = spare.shift()) {
      const [found] = (await this.ad(ad, document, place)).ads
      if (found === undefined) continue
      this.usedFallback = true
      return [found]
    }
    return []
  }

  private async ad(ad: VastAd, document: VastDocument, place: Place): Promise<Outcome> {
    if (ad.kind === 'wrapper') return this.wrapper(ad, document, place)
    if (isBlocked(ad, place)) {
      this.report(ad, ad, 205)
      return nothing(205)
    }
    if (!ad.creatives.some(({ linear, nonLinear, companions }) => linear ?? nonLinear ?? companions)) {
      this.report(ad, ad, 303)
      return nothing(303)
    }
    if (document.version !== null) this.versions.add(document.version)
    return { ads: [merged(ad, document, place)], code: null }
  }

  private async wrapper(ad: VastWrapper, document: VastDocument, place: Place): Promise<Outcome> {
    const outcome = await this.follow(ad, document, place)
    if (outcome.ads.length === 0) this.report(ad, ad, outcome.code ?? 303)
    return outcome
  }

  private async follow(ad: VastWrapper, document: VastDocument, place: Place): Promise<Outcome> {
    const depth = place.wrappers.length + 1
    if (depth > (this.options.maxWrappers ?? CHAIN_DEFAULTS.maxWrappers)) return nothing(302)
    const target = ad.tagUri === null ? null : absolute(ad.tagUri, place.base)
    if (target === null || place.visited.includes(loopKey(target))) return nothing(300)
    const wrappers = [...place.wrappers, { ad, root: document.root }]
    const fetched = await this.fetcher.fetch(target, depth, blockedCodes(wrappers.map((one) => one.ad)))
    if (fetched.document === null) return nothing(fetched.code ?? 303)
    return this.ads(fetched.document, {
      wrappers,
      visited: [...place.visited, loopKey(target)],
      base: fetched.url,
      allowMultiple: ad.allowMultipleAds && place.allowMultiple,
      allowWrappers: ad.followAdditionalWrappers,
    })
  }

  private report({ errors }: VastDocument | VastAd, ad: VastAd | null, code: number): void {
    if (errors.length > 0) this.options.onError?.(errors, code, ad)
  }
}

/** Absolute, with its macros as they are: `URL` would encode them. */
function absolute(text: string, base: string | undefined): string | null {
  const url = httpUrl(text, base)
  if (url === null) return null
  return /^https?:\/\//i.test(text) ? text : url.href
}

/** What makes two URLs the same place of a chain: fragments do not. */
function loopKey(url: string): string {
  const hash = url.indexOf('#')
  const text = hash < 0 ? url : url.slice(0, hash)
  return httpUrl(text)?.href ?? text
}

function highest(versions: ReadonlySet<string>): string | null {
  return [...versions].sort((a, b) => Number.parseFloat(b) - Number.parseFloat(a))[0] ?? null
}

/** Codes of `BlockedAdCategories` of these wrappers, each once. */
function blockedCodes(wrappers: readonly VastWrapper[]): string[] {
  return [...new Set(wrappers.flatMap((wrapper) => wrapper.blockedCategories.map(({ value }) => value)))]
}

function isBlocked(ad: VastInLine, place: Place): boolean {
  const blocked = place.wrappers.flatMap((wrapper) => wrapper.ad.blockedCategories)
  return ad.categories.some((own) =>
    blocked.some(
      ({ authority, value }) =>
        value === own.value && (authority === null || own.authority === null || authority === own.authority),
    ),
  )
}

/** Elements that other documents may carry on with prefixes of their own. */
const FOREIGN = [
  ['extensions', 'extension'],
  ['adverifications', 'verification'],
  ['creatives', 'creative'],
] as const

/** An ad that stands by itself, with everything that the wrappers around it say. */
function merged(ad: VastInLine, document: VastDocument, place: Place): VastInLine {
  const element = ad.element.clone()
  keepNamespaces(element, [document.root])
  const inline = element.child('inline')
  if (inline === null) return ad
  for (const { ad: wrapper, root } of place.wrappers.toReversed()) {
    const body = wrapper.element.child('wrapper')?.clone()
    if (body === undefined) continue
    for (const path of FOREIGN) {
      for (const part of body.path(...path)) keepNamespaces(part, [root, wrapper.element, body])
    }
    mergeWrapper(inline, body)
  }
  // In a pod of an outer document, it is the place of the outermost wrapper that counts; the caller sets it.
  if (place.wrappers.length > 0 && !place.allowMultiple) element.attributes.delete('sequence')
  return reread(element, ad)
}

function sequenced(ad: VastInLine, sequence: number): VastInLine {
  ad.element.attributes.set('sequence', String(sequence))
  return reread(ad.element, ad)
}

function reread(element: XmlElement, otherwise: VastInLine): VastInLine {
  const ad = readAd(element)
  return ad?.kind === 'inline' ? ad : otherwise
}
