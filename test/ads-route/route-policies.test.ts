import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteAdEvent } from '#src/ads/index.js'
import { AdServerUnderTest, impressionsOf, inlineVast } from '../support/ad-server.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess } from '../support/gateway.js'

const SECRET = 'a secret of the tests, long enough to sign with'
const folder = mkdtempSync(join(tmpdir(), 'headgate-policies-'))
let ads: AdServerUnderTest
let receiver: AdServerUnderTest
let gateway: GatewayProcess

beforeAll(async () => {
  ads = await AdServerUnderTest.start(({ path }, base) => inlineVast(path.slice(1), base))
  receiver = await AdServerUnderTest.start(() => null)
  const route = (name: string, more: object = {}) => ({
    match: { path: `/${name}/*` },
    adserving: {
      vast: { url: `${ads.base}/${name}` },
      store: { kind: 'lmdb', path: join(folder, 'state'), durability: 'process' },
      guard: { allow: ['127.0.0.0/8'], ports: [] },
      campaigns: { [name]: { caps: [] } },
      ...more,
    },
  })
  gateway = await GatewayProcess.start({
    workers: 1,
    admin: '127.0.0.1:0',
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      route('limited', { vast: { url: `${ads.base}/limited?lat=[LIMITADTRACKING]` } }),
      route('told', {
        events: {
          path: '/told/event',
          secrets: [SECRET],
          sinks: [{ kind: 'http', url: `${receiver.base}/events` }],
          queue: { linger: '10ms' },
        },
      }),
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof GatewayProcess.start>[0])
})

afterAll(async () => {
  await gateway.close()
  await ads.close()
  await receiver.close()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(path: string, headers: Record<string, string> = {}, body?: object) {
  const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
    headers,
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  return { status: response.status, result: response.headers.get('x-ad-result'), xml: await response.text() }
}

async function report(xml: string, event?: string): Promise<number> {
  const tracked =
    event === undefined ? null : new RegExp(`event="${event}"><!\\[CDATA\\[(.*?)\\]\\]>`).exec(xml)
  const url = tracked?.[1] ?? impressionsOf(xml).find((one) => one.includes('/event?t=')) ?? 'http://none/'
  const { pathname, search } = new URL(url)
  return (await ask(pathname + search)).status
}

describe('privacy of a route that serves ads', () => {
  it('ads.md §4.2 (5) [LIMITADTRACKING] is 1 where nobody said, and else what was said', async () => {
    await ask('/limited/vast')
    await ask('/limited/vast?lmt=0')
    await ask('/limited/vast?lmt=1')
    await ask('/limited/vast', {}, { device: { lmt: 0 } })
    expect(ads.at('/limited').map(({ query }) => query.get('lat'))).toEqual(['1', '0', '1', '0'])
  })

  it('B-39, F-28 sinks hear nothing of who may not be measured, neither when served nor when reported', async () => {
    const refused = await ask('/told/vast?gdpr=1')
    const open = await ask('/told/vast')
    expect([refused.result, open.result]).toEqual(['fill', 'fill'])
    expect([
      await report(refused.xml),
      await report(refused.xml, 'complete'),
      await report(open.xml),
    ]).toEqual([200, 200, 200])
    const told = (): RouteAdEvent[] =>
      receiver.at('/events').flatMap(({ body }) => JSON.parse(body) as RouteAdEvent[])
    await eventually('the last one', () => told().some(({ event_type }) => event_type === 'impression'))
    expect(told().map(({ event_type }) => event_type)).toEqual(['ad_served', 'impression'])
    expect(new Set(told().map(({ reservation_id }) => reservation_id)).size).toBe(1)
  })
})
