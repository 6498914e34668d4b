import { describe, expect, it } from 'vitest'
import {
  type ChainOptions,
  parseVast,
  type Resolution,
  resolveChain,
  SessionContext,
} from '#src/ads/index.js'
import { GatewayError } from '#src/session/errors.js'
import { type Answer, inline, MemoryDocuments, vast, wrapper } from './support/memory-documents.js'

const A = 'https://ads.example/a'

interface Run extends Resolution {
  /** `code id` of every `<Error>` URL. */
  errors: string[]
  transport: MemoryDocuments
}

async function run(
  first: string,
  answers: Record<string, Answer> = {},
  options: Partial<ChainOptions> = {},
  url: string | undefined = 'https://ads.example/first',
): Promise<Run> {
  const transport = new MemoryDocuments(answers)
  const errors: string[] = []
  const onError = (urls: readonly string[], code: number) =>
    errors.push(...urls.map((one) => `${code} ${new URL(one).pathname.slice(1)}`))
  const resolution = await resolveChain(parseVast(first), url, { transport, onError, ...options })
  return { ...resolution, errors: errors.sort(), transport }
}

/** Wrappers w1 … wN in a row, then an InLine. */
function chainOf(wrappers: number): [string, Record<string, Answer>] {
  const answers: Record<string, Answer> = {}
  for (let i = 2; i <= wrappers; i += 1) {
    answers[`https://ads.example/w${i}`] = vast(wrapper(`w${i}`, `https://ads.example/w${i + 1}`))
  }
  answers[`https://ads.example/w${wrappers + 1}`] = vast(inline('ad'))
  return [vast(wrapper('w1', 'https://ads.example/w2')), answers]
}

const ids = (resolution: Resolution) =>
  resolution.ads.map(({ id, sequence }) => (sequence === null ? id : `${id}#${sequence}`))
const impressions = (resolution: Resolution) =>
  resolution.ads.map((ad) => ad.impressions.map(({ url }) => new URL(url).pathname.slice(1)).join())

describe('a chain of wrappers', () => {
  it('of five, and an InLine: everything of all six documents, in wrapper order', async () => {
    const result = await run(...chainOf(5))
    expect(impressions(result)).toEqual(['w1,w2,w3,w4,w5,ad'])
    const [ad] = result.ads
    const linear = ad?.creatives[0]?.linear
    const order = ['w1', 'w2', 'w3', 'w4', 'w5', 'ad']
    expect(ad?.errors.map((url) => new URL(url).pathname.slice(1))).toEqual(order)
    expect(linear?.trackingEvents.map(({ url }) => new URL(url).pathname.slice(1))).toEqual(order)
    expect(linear?.clickTracking.map(({ url }) => new URL(url).pathname.slice(1))).toEqual(order)
    expect(result.hops.map(({ depth, status, code }) => [depth, status, code])).toEqual(
      [1, 2, 3, 4, 5].map((depth) => [depth, 200, null]),
    )
    expect(result.errors).toEqual([])
  })

  it('of six: 302 to all six, and no seventh request', async () => {
    const result = await run(...chainOf(6))
    expect([result.code, result.ads]).toEqual([302, []])
    expect(result.errors).toEqual(['302 w1', '302 w2', '302 w3', '302 w4', '302 w5', '302 w6'])
    expect(result.transport.requests).toHaveLength(5)
  })

  it('that leads back, also with a fresh cache-buster, ends at once with 300', async () => {
    const context = SessionContext.create()
    const loop = {
      [A]: vast(wrapper('a', `${A}2?c=[CACHEBUSTING]`)),
      [`${A}2`]: vast(wrapper('b', `${A}?c=[CACHEBUSTING]`)),
    }
    const result = await run(vast(wrapper('first', `${A}?c=[CACHEBUSTING]`)), loop, { context })
    expect(result.errors).toEqual(['300 a', '300 b', '300 first'])
    expect(result.transport.requests).toHaveLength(2)
    const self = await run(vast(wrapper('w', 'https://ads.example/first#x')))
    expect([self.code, self.transport.requests.length]).toEqual([300, 0])
  })

  it.each<[string, Answer, number]>([
    ['a bad status', { status: 503 }, 301],
    ['a connection that fails', new Error('refused'), 301],
    [
      'a prohibited address',
      new GatewayError('no', {
        code: 'HG_CONNECT_FAILED',
        status: 502,
        reason: 'destination_ip_prohibited',
        source: 'upstream',
      }),
      300,
    ],
    ['no content', { status: 204 }, 303],
    ['an empty body', ' \n', 303],
    ['a document without ads', '<VAST version="4.0"><Error>https://e.example/doc</Error></VAST>', 303],
    ['an ad with nothing in it', vast('<Ad/>'), 303],
    [
      'an InLine with nothing to show',
      vast('<Ad><InLine><Creatives><Creative/></Creatives></InLine></Ad>'),
      303,
    ],
    ['no XML', '{}', 100],
    ['something else', '<html/>', 101],
    ['VAST 1', '<VideoAdServingTemplate/>', 102],
  ])('that ends in %s', async (_what, answer, code) => {
    const result = await run(vast(wrapper('w1', A)), { [A]: vast(wrapper('w2', `${A}2`)), [`${A}2`]: answer })
    expect([result.code, result.ads]).toEqual([code, []])
    const doc = String(answer).includes('/doc') ? ['303 doc'] : []
    expect(result.errors).toEqual([...doc, `${code} w1`, `${code} w2`])
  })

  it('without a URL, or with one of another scheme, is 300', async () => {
    for (const uri of ['', 'file:///etc/passwd', 'data:text/xml,x']) {
      expect((await run(vast(wrapper('w', uri)))).errors, uri).toEqual(['300 w'])
    }
  })

  it('follows relative and protocol-relative URLs, from where the document came from after redirects', async () => {
    const answers: Record<string, Answer> = {
      'https://ads.example/dir/b.xml?[X]': {
        body: vast(wrapper('b', '../c.xml')),
        url: 'https://cdn.example/x/y/b.xml',
      },
      'https://cdn.example/x/c.xml': vast(wrapper('c', '//other.example/d')),
      'https://other.example/d': vast(inline('ad')),
    }
    const result = await run(vast(wrapper('a', 'dir/b.xml?[X]')), answers)
    expect(ids(result)).toEqual(['ad'])
  })

  it('replaces macros in its URLs only with a context, categories that wrappers block included', async () => {
    const block = '<BlockedAdCategories authority="iab">IAB1, IAB2</BlockedAdCategories>'
    const first = vast(
      wrapper('w', `${A}?t=[TRANSACTIONID]&b=[BLOCKEDADCATEGORIES]&i=[IFA]&d=[DOMAIN]`, '', '', block),
    )
    const context = SessionContext.create()
    const withheld = new Set(['IFA'])
    const options = { context, withheld, values: { DOMAIN: 'a b', IFA: 'secret' } }
    const known = await run(first, { [A]: vast(inline('ad')) }, options)
    expect(known.transport.requests[0]).toMatchObject({
      url: `${A}?t=${context.correlator}&b=IAB1,IAB2&i=-2&d=a%20b`,
      context,
    })
    const bare = await run(first, { [A]: vast(inline('ad')) })
    expect(bare.transport.urls[0]).toContain('?t=[TRANSACTIONID]&b=')
  })
})

describe('limits', () => {
  it('a hop that takes too long is 301, also when the transport does not stop', async () => {
    const result = await run(vast(wrapper('w', A)), { [A]: 'never' }, { hopTimeoutMs: 30 })
    expect(result.errors).toEqual(['301 w'])
    expect(result.transport.requests[0]).toMatchObject({ timeoutMs: 30 })
    expect(result.transport.requests[0]?.signal?.aborted).toBe(true)
  })

  it('all hops together end at the deadline', async () => {
    const startMs = performance.now()
    const answers: Record<string, Answer> = { [A]: vast(wrapper('b', `${A}2`)), [`${A}2`]: 'never' }
    const result = await run(vast(wrapper('w', A)), answers, { totalTimeoutMs: 60, hopTimeoutMs: 60_000 })
    expect(result.errors).toEqual(['301 b', '301 w'])
    expect(performance.now() - startMs).toBeLessThan(2000)
    const over = await run(vast(wrapper('w', A)), {}, { totalTimeoutMs: 0 })
    expect([over.code, over.transport.requests.length]).toEqual([301, 0])
  })

  it('the signal ends it with its reason', async () => {
    const stop = new AbortController()
    const running = run(
      vast(wrapper('w', A), wrapper('v', `${A}2`)),
      { [A]: 'never', [`${A}2`]: 'never' },
      { signal: stop.signal },
    )
    const reason = new Error('client is gone')
    stop.abort(reason)
    await expect(running).rejects.toBe(reason)
  })

  it('the number of requests and of ads is bounded', async () => {
    const many = vast(...Array.from({ length: 30 }, (_, i) => wrapper(`w${i}`, `${A}${i}`)))
    expect((await run(many, {}, { maxRequests: 3 })).transport.requests).toHaveLength(3)
    expect((await run(many)).transport.requests).toHaveLength(10)
    const bodies = await run(vast(wrapper('w', A)), { [A]: vast(inline('ad')) }, { maxBytes: 100 })
    expect(bodies.code).toBe(100)
  })

  it('a guard is asked for every URL before it is requested', async () => {
    const guard = {
      checkUrl: (url: URL) => (url.hostname === 'ads.example' ? null : 'no'),
      checkAddress: () => null,
    }
    const result = await run(
      vast(wrapper('w', A)),
      { [A]: vast(wrapper('v', 'http://169.254.169.254/x')) },
      { guard },
    )
    expect(result.errors).toEqual(['300 v', '300 w'])
    expect(result.transport.urls).toEqual([A])
  })
})

describe('attributes of a wrapper', () => {
  const pod = vast(inline('p1', 'sequence="1"'), inline('one'), inline('two'), inline('p2', 'sequence="2"'))

  it('allowMultipleAds: without it only the first stand-alone ad, with it the pod', async () => {
    expect(ids(await run(vast(wrapper('w', A)), { [A]: pod }))).toEqual(['one'])
    const all = await run(vast(wrapper('w', A, 'allowMultipleAds="True"')), { [A]: pod })
    expect(ids(all)).toEqual(['p1#1', 'p2#2', 'one', 'two'])
    expect(impressions(all)).toEqual(['w,p1', 'w,p2', 'w,one', 'w,two'])
  })

  it('allowMultipleAds: a pod without a stand-alone ad is 303; a single numbered ad is none', async () => {
    const numbered = vast(inline('p1', 'sequence="1"'), inline('p2', 'sequence="2"'))
    expect((await run(vast(wrapper('w', A)), { [A]: numbered })).errors).toEqual(['303 w'])
    expect(ids(await run(vast(wrapper('w', A)), { [A]: vast(inline('p', 'sequence="1"')) }))).toEqual(['p'])
  })

  it('allowMultipleAds: what an outer wrapper forbids no inner one allows', async () => {
    const inner = vast(wrapper('v', `${A}2`, 'allowMultipleAds="1"'))
    expect(ids(await run(vast(wrapper('w', A)), { [A]: inner, [`${A}2`]: pod }))).toEqual(['one'])
  })

  it('followAdditionalWrappers="false": a wrapper in the answer is ignored, 303', async () => {
    const first = vast(wrapper('w', A, 'followAdditionalWrappers="false"'))
    const only = await run(first, { [A]: vast(wrapper('v', `${A}2`)) })
    expect([only.errors, only.transport.requests.length]).toEqual([['303 w'], 1])
    expect(ids(await run(first, { [A]: vast(wrapper('v', `${A}2`), inline('ad')) }))).toEqual(['ad'])
  })

  it('fallbackOnNoAd="true": the next stand-alone ad, else none', async () => {
    const answers = (attribute: string) => ({
      [A]: vast(wrapper('empty', `${A}2`, attribute), inline('second')),
      [`${A}2`]: vast(),
    })
    const used = await run(vast(wrapper('w', A)), answers('fallbackOnNoAd="true"'))
    expect([ids(used), used.usedFallback, used.errors]).toEqual([['second'], true, ['303 empty']])
    const none = await run(vast(wrapper('w', A)), answers(''))
    expect([ids(none), none.usedFallback, none.errors]).toEqual([[], false, ['303 empty', '303 w']])
  })

  it('BlockedAdCategories: an ad of such a category is refused with 205', async () => {
    const category = (code: string) => vast(inline('ad', '', `<Category authority="iab">${code}</Category>`))
    const first = vast(
      wrapper('w', A, '', '', '<BlockedAdCategories authority="iab">IAB1,IAB7</BlockedAdCategories>'),
    )
    expect((await run(first, { [A]: category('IAB7') })).errors).toEqual(['205 ad', '205 w'])
    expect(ids(await run(first, { [A]: category('IAB8') }))).toEqual(['ad'])
  })
})

describe('pods', () => {
  const slots = (attribute = '') =>
    vast(
      inline('third', 'sequence="3"'),
      wrapper('second', A, attribute, 'sequence="2"'),
      inline('first', 'sequence="1"'),
      inline('spare'),
    )

  it('come in their order, a wrapper keeps its place, and stand-alone ads stay behind', async () => {
    const result = await run(slots(), { [A]: vast(inline('behind', 'sequence="9"')) })
    expect(ids(result)).toEqual(['first#1', 'behind#2', 'third#3', 'spare'])
    expect(impressions(result)).toEqual(['first', 'second,behind', 'third', 'spare'])
  })

  it('a place that fails is taken by a stand-alone ad', async () => {
    const result = await run(slots(), { [A]: vast() })
    expect([ids(result), result.usedFallback]).toEqual([['first#1', 'spare#2', 'third#3'], true])
    expect(result.errors).toEqual(['303 second'])
  })

  it('unless the wrapper says fallbackOnNoAd="false"', async () => {
    const result = await run(slots('fallbackOnNoAd="false"'), { [A]: vast() })
    expect([ids(result), result.usedFallback]).toEqual([['first#1', 'third#3', 'spare'], false])
  })

  it('a place that became several shifts the ones behind it', async () => {
    const several = vast(inline('a', 'sequence="1"'), inline('b', 'sequence="2"'))
    const result = await run(slots('allowMultipleAds="true"'), { [A]: several })
    expect(ids(result)).toEqual(['first#1', 'a#2', 'b#3', 'third#4', 'spare'])
  })
})

describe('merging', () => {
  const creative = (content: string) => `<Creative>${content}</Creative>`
  const document = (kind: string, content: string) =>
    `<VAST version="4.2" xmlns:x="urn:x-${kind}"><Ad id="${kind}"><${kind === 'ad' ? 'InLine' : 'Wrapper'}>${content}</${kind === 'ad' ? 'InLine' : 'Wrapper'}></Ad></VAST>`
  const two = (outer: string, near: string, ad: string) =>
    run(document('outer', `<VASTAdTagURI>${A}</VASTAdTagURI>${outer}`), {
      [A]: document('near', `<VASTAdTagURI>${A}2</VASTAdTagURI>${near}`),
      [`${A}2`]: document('ad', ad),
    })

  it('ClickThrough, companions, icons of a program and pricing: whoever is closest to the InLine', async () => {
    const parts = (name: string, click = true) =>
      `<Pricing>${name}</Pricing><Creatives>${creative(
        `<Linear>${click ? `<VideoClicks><ClickThrough>https://x.example/${name}</ClickThrough></VideoClicks>` : ''}<Icons><Icon program="p"><StaticResource>https://x.example/${name}</StaticResource></Icon><Icon program="${name}"/></Icons></Linear>`,
      )}${creative(`<CompanionAds><Companion width="1" height="1"><StaticResource>https://x.example/${name}</StaticResource><CompanionClickTracking>https://k.example/${name}</CompanionClickTracking></Companion></CompanionAds>`)}</Creatives>`
    const read = ({ ads: [ad] }: Resolution) => ({
      price: ad?.pricing?.value,
      click: ad?.creatives[0]?.linear?.clickThrough?.slice(-5),
      icons: ad?.creatives[0]?.linear?.icons.map(
        ({ program, staticResources: [first] }) => program + (first?.url.slice(-5) ?? ''),
      ),
      companions: ad?.creatives
        .flatMap((one) => one.companions?.items ?? [])
        .map(({ staticResources: [first] }) => first?.url.slice(-5)),
    })
    const bare = `<Creatives>${creative('<Linear/>')}</Creatives>`
    expect(read(await two(parts('outer'), parts('/near'), bare))).toEqual({
      price: '/near',
      click: '/near',
      icons: ['p/near', '/near', 'outer'],
      companions: ['/near'],
    })
    expect(read(await two(parts('outer'), '', bare)).companions).toEqual(['outer'])
    const full = await two(parts('outer'), parts('/near'), parts('inner'))
    expect(read(full)).toEqual({
      price: 'inner',
      click: 'inner',
      icons: ['pinner', 'inner', '/near', 'outer'],
      companions: ['inner'],
    })
    const clicks = full.ads[0]?.creatives[1]?.companions?.items[0]?.clickTracking.map(({ url }) =>
      url.slice(18),
    )
    expect(clicks).toEqual(['outer', '/near', 'inner'])
  })

  it('viewability, verifications, extensions and NonLinear tracking: all of them', async () => {
    const parts = (name: string) =>
      `<Survey>https://s.example/${name}</Survey><ViewableImpression><Viewable>${name}</Viewable></ViewableImpression><AdVerifications><Verification vendor="${name}"/></AdVerifications><Extensions><Extension type="${name}"><x:own>1</x:own></Extension></Extensions><Creatives>${creative(
        `<NonLinearAds><TrackingEvents><Tracking event="start">${name}</Tracking></TrackingEvents><NonLinear><NonLinearClickTracking>${name}</NonLinearClickTracking></NonLinear></NonLinearAds>`,
      )}</Creatives>`
    const { ads } = await two(parts('outer'), parts('near'), parts('ad'))
    const [ad] = ads
    const order = ['outer', 'near', 'ad']
    expect(ad?.viewable.viewable).toEqual(order)
    expect(ad?.verifications.map(({ vendor }) => vendor)).toEqual(order)
    expect(ad?.extensions.map(({ type }) => type)).toEqual(order)
    expect(ad?.creatives[0]?.nonLinear?.trackingEvents.map(({ url }) => url)).toEqual(order)
    expect(ad?.creatives[0]?.nonLinear?.items[0]?.clickTracking.map(({ url }) => url)).toEqual(order)
    // A prefix keeps the meaning that it had where it came from.
    const meaning = (index: number) =>
      ad?.extensions[index]?.element.attribute('xmlns:x') ?? ad?.element.attribute('xmlns:x')
    expect([0, 1, 2].map(meaning)).toEqual(['urn:x-outer', 'urn:x-near', 'urn:x-ad'])
  })
})
