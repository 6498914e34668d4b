import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { VASTClient } from '@dailymotion/vast-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseVast, resolveChain, type VastInLine, VastParseError } from '#src/ads/index.js'
import type { Transport } from '#src/ads/upstream/index.js'
import { DOCUMENTS, fixture } from './support/fixtures.js'

/** What is compared of an ad, in a form that both can be brought into. */
interface Seen {
  id: string
  sequence: number | null
  impressions: string[]
  errors: string[]
  linears: {
    seconds: number
    media: string[]
    click: string | null
    clicks: string[]
    custom: string[]
    events: string[]
  }[]
  nonLinears: { resources: string[]; clicks: string[] }[]
  extensions: number
  verifications: string[]
}

const server = createServer((request, response) => {
  const path = (request.url ?? '/').slice(1)
  if (!DOCUMENTS.includes(path)) response.writeHead(404).end()
  else response.writeHead(200, { 'content-type': 'text/xml' }).end(fixture(path))
})
let origin = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => new Promise((resolve) => server.close(resolve)))

const transport: Transport = {
  async send({ url, signal }) {
    // Wrappers of the fixtures point to hosts of their own: nobody is to be asked there.
    if (!url.startsWith(origin)) throw new Error('not here')
    const answer = await fetch(url, signal === undefined ? {} : { signal })
    return {
      status: answer.status,
      headers: {},
      body: new Uint8Array(await answer.arrayBuffer()),
      url: answer.url,
    }
  },
  close: async () => {},
  healthCheck: async () => true,
}

/**
 * Where we differ on purpose: beside a pod, stand-alone ads are substitutes, and what none of its places needs is not fetched (VAST 4.3
 * §3.3.1). The other resolves them all.
 */
const NOT_FETCHED: Record<string, string[]> = {
  'vast-client-js/wrapper-multiple-ads.xml': ['ad_id_0001', 'ad_id_0002', 'preroll-1'],
}

async function ours(path: string): Promise<Seen[]> {
  // Neither is VAST 2 to 4; the other throws as well.
  if (/invalid-xmlfile|outdated/.test(path)) {
    expect(() => parseVast(fixture(path))).toThrow(VastParseError)
    return []
  }
  const url = `${origin}/${path}`
  const { ads } = await resolveChain(parseVast(fixture(path)), url, { transport })
  return ads.map(seen)
}

function seen(ad: VastInLine): Seen {
  return {
    id: ad.element.attribute('id') ?? '',
    sequence: ad.sequence,
    impressions: ad.impressions.map(({ url }) => url).sort(),
    errors: [...ad.errors].sort(),
    linears: ad.creatives.flatMap(({ linear }) =>
      linear === null
        ? []
        : [
            {
              seconds: linear.durationMs === null ? -1 : linear.durationMs / 1000,
              media: linear.mediaFiles.map(({ url }) => url),
              click: linear.clickThrough,
              clicks: linear.clickTracking.map(({ url }) => url).sort(),
              custom: linear.customClicks.map(({ url }) => url).sort(),
              events: linear.trackingEvents.map(({ event, url }) => `${event} ${url}`).sort(),
            },
          ],
    ),
    nonLinears: ad.creatives.flatMap(({ nonLinear }) =>
      (nonLinear?.items ?? []).map((item) => ({
        resources: [...item.staticResources.map(({ url }) => url), ...item.iframeUrls, ...item.html],
        clicks: item.clickTracking.map(({ url }) => url),
      })),
    ),
    extensions: ad.extensions.length,
    verifications: ad.verifications.flatMap(({ scripts }) => scripts.map(({ url }) => url)).sort(),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: the peer types the contents of an ad so
type Loose = any

async function theirs(path: string): Promise<Seen[]> {
  const client = new VASTClient()
  // Hosts of their own are refused to it as well.
  client.addURLTemplateFilter((url: string) => (url.startsWith(origin) ? url : `${origin}/none`))
  const result = await client
    .get(`${origin}/${path}`, { resolveAll: true, timeout: 5000 })
    .catch(() => ({ ads: [] }))
  return result.ads
    .filter((ad: Loose) => ad.errorCode === undefined || ad.creatives.length > 0)
    .map((ad: Loose) => ({
      id: ad.id ?? '',
      sequence: ad.sequence === null || ad.sequence === undefined ? null : Number(ad.sequence),
      impressions: ad.impressionURLTemplates
        .map(({ url }: Loose) => url)
        .filter((url: string) => url !== '')
        .sort(),
      errors: [...ad.errorURLTemplates].sort(),
      linears: ad.creatives
        .filter(({ type, mediaFiles }: Loose) => type === 'linear' && mediaFiles.length > 0)
        .map((linear: Loose) => ({
          seconds: linear.duration,
          media: linear.mediaFiles.map(({ fileURL }: Loose) => fileURL),
          click: linear.videoClickThroughURLTemplate?.url ?? null,
          clicks: linear.videoClickTrackingURLTemplates.map(({ url }: Loose) => url).sort(),
          custom: linear.videoCustomClickURLTemplates.map(({ url }: Loose) => url).sort(),
          events: Object.entries<string[]>(linear.trackingEvents)
            .flatMap(([event, urls]) =>
              urls.map((url) => `${event.replace(/^progress-.*/, 'progress')} ${url}`),
            )
            .sort(),
        })),
      nonLinears: ad.creatives
        .filter(({ type }: Loose) => type === 'nonlinear')
        .flatMap(({ variations }: Loose) => variations)
        .map((item: Loose) => ({
          resources: [item.staticResource, item.iframeResource, item.htmlResource].filter(Boolean),
          clicks: item.nonlinearClickTrackingURLTemplates.map(({ url }: Loose) => url),
        })),
      extensions: ad.extensions.length,
      verifications: ad.adVerifications.map(({ resource }: Loose) => resource).sort(),
    }))
}

describe('against @dailymotion/vast-client, on real documents with their wrappers', () => {
  it.each(DOCUMENTS)('%s', async (path) => {
    const left = NOT_FETCHED[path] ?? []
    expect(await ours(path)).toEqual((await theirs(path)).filter(({ id }) => !left.includes(id)))
  })

  it('is about documents that both find ads in', async () => {
    const found = await Promise.all(DOCUMENTS.map(async (path) => (await ours(path)).length))
    expect(found.filter((count) => count > 0).length).toBeGreaterThan(15)
  })
})
