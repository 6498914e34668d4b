import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VAST_MACROS } from '#src/ads/index.js'
import { AdServerUnderTest, impressionsOf, inlineVast, wrapperTo } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'

// Those of ads.md §5.3 that ad-route.test.ts does not have.
const folder = mkdtempSync(join(tmpdir(), 'headgate-acceptance-'))
let ads: AdServerUnderTest
let gateway: GatewayProcess

/** Macros that mean something in an ad request (VAST 4.3 §6.1). */
const REQUEST_MACROS = [...VAST_MACROS.values()]
  .filter(({ where }) => where === 'both' || where === 'request')
  .map(({ name }) => name)

const adOf = (document: string): string => /<Ad [\s\S]*<\/Ad>/.exec(document)?.[0] ?? ''

function answer(path: string, base: string): string {
  const [, kind = '', count = ''] = path.split('/')
  const wrapped = (to: string, id: string, attribute: string): string =>
    wrapperTo(`${base}/${to}`, id, base).replace('<Wrapper>', `<Wrapper ${attribute}="false">`)
  switch (kind) {
    case 'pod':
      return `<VAST version="4.2">${[
        adOf(inlineVast('first', base, ' sequence="1"')),
        adOf(inlineVast('second', base, ' sequence="2"')),
        adOf(inlineVast('alone', base)),
      ].join('')}</VAST>`
    case 'one-ad':
      return wrapped('pod', 'one-ad', 'allowMultipleAds')
    case 'no-more':
      return wrapped('more', 'no-more', 'followAdditionalWrappers')
    case 'more':
      return wrapperTo(`${base}/inline`, 'more', base)
    case 'chain':
      return count === '0'
        ? inlineVast('inline', base)
        : wrapperTo(`${base}/chain/${Number(count) - 1}`, `w${count}`, base)
    default:
      return inlineVast('inline', base)
  }
}

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path }, base) => answer(path, base))
  const route = (name: string, url: string) => ({
    match: { path: `/${name}/*` },
    adserving: {
      vast: { url },
      store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: { caps: [] } },
    },
  })
  gateway = await GatewayProcess.start({
    workers: 1,
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('one-ad', `${ads.base}/one-ad`),
      route('no-more', `${ads.base}/no-more`),
      route('chain6', `${ads.base}/chain/6`),
      route('macros', `${ads.base}/inline?${REQUEST_MACROS.map((name) => `m.${name}=[${name}]`).join('&')}`),
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof GatewayProcess.start>[0])
})

afterAll(async () => {
  await gateway.close()
  await ads.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, { headers })
  return { result: response.headers.get('x-ad-result'), xml: await response.text() }
}

const pixels = (code: number): string[] =>
  ads.seen.map(({ url }) => url).filter((url) => url.endsWith(`?c=${code}`))

describe('ads.md §5.3 through a running gateway', () => {
  it('(1) six wrappers: 302 to all six error URLs, no ad for the client', async () => {
    expect((await ask('/chain6/vast')).result).toBe('error')
    await eventually('all six', () => pixels(302).length === 6)
    expect(pixels(302).sort()).toEqual([1, 2, 3, 4, 5, 6].map((at) => `/err/w${at}?c=302`))
  })

  it('(4) allowMultipleAds=false and a pod: only the first stand-alone ad', async () => {
    const { result, xml } = await ask('/one-ad/vast')
    expect(result).toBe('fill')
    expect(impressionsOf(xml).sort()).toEqual([`${ads.base}/imp/alone`, `${ads.base}/imp/one-ad`])
  })

  it('(4) followAdditionalWrappers=false and a wrapper: it is left out, 303', async () => {
    const { result, xml } = await ask('/no-more/vast')
    expect([result === 'fill', impressionsOf(xml)]).toEqual([false, []])
    await eventually('the pixel', () => pixels(303).length > 0)
    expect(pixels(303)).toContain('/err/no-more?c=303')
    expect(ads.at('/inline')).toEqual([])
  })

  it('(9) F-17 whatever a player sends, its values add and change no parameter of the ad request', async () => {
    const hostile = {
      'user-agent': 'Player/1 &evil=3?[IFA]#',
      referer: 'https://site.example/?a=1&evil=4%26evil=5',
    }
    const ifa = encodeURIComponent('x&evil=1#[CACHEBUSTING]')
    const before = ads.at('/inline').length
    await ask(`/macros/vast?ifa=${ifa}`, hostile)
    await ask(`/macros/vast?ifa=${ifa}&us_privacy=${encodeURIComponent('1YNN&evil=2')}`, hostile)
    const [open, withheld] = ads.at('/inline').slice(before)
    for (const seen of [open, withheld]) {
      const names = [...(seen?.query.keys() ?? [])].filter((name) => name !== 'us_privacy')
      expect(names).toEqual(REQUEST_MACROS.map((name) => `m.${name}`))
    }
    expect(open?.query.get('m.IFA')).toBe('x&evil=1#[CACHEBUSTING]')
    expect(open?.query.get('m.DEVICEUA')).toBe('Player/1 &evil=3?[IFA]#')
    expect(open?.query.get('m.CACHEBUSTING')).toMatch(/^\d{8}$/)
    // Optional ones that nobody knows are -1 (VAST 4.3 §6.1).
    expect(open?.query.get('m.PLAYERSIZE')).toBe('-1')
    // A privacy string that cannot be read counts as a refusal.
    expect(withheld?.query.get('m.IFA')).toBe('-2')
  })
})
