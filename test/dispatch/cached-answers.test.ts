import { beforeEach, describe, expect, it } from 'vitest'
import { FLAG_FOR_AUTHORIZED, variance, variantKey, varyHead } from '#src/cache/rules/index.js'
import type { FilterRef, RouteConfig } from '#src/config/types.js'
import { now } from '#src/time/index.js'
import {
  BODY,
  CACHE,
  empty,
  events,
  headOf,
  keyOf,
  save,
  start,
  store,
  wentToWorker,
} from './support/cached.js'
import { expectNothingLeft, Rig, route } from './support/rig.js'

beforeEach(() => empty())

describe('a hit', () => {
  it('is answered from shared memory without a worker, with its age to the second', () => {
    save()
    const rig = start()
    const exchange = rig.request({ startMs: now() })
    expect([exchange.status, String(exchange.body), exchange.contentLength]).toEqual([200, '0123456789', 10])
    expect(exchange.headerBlock).toBe(
      'content-type: text/plain\r\netag: "v1"\r\nx-internal: 1\r\nage: 7\r\ncache-status: headgate; hit; ttl=60\r\n',
    )
    expect(rig.worker().live).toEqual([])
    expect([
      rig.count('requests'),
      rig.count('answered'),
      rig.count('status:2xx'),
      rig.count('bytes_out'),
    ]).toEqual([1, 1, 1, 10])
    expect(events).toEqual(['0 hits'])
    expect(rig.answeredHere).toEqual([200])
    expectNothingLeft(rig)
    expect(store.purge(keyOf('/'), 'hard')).toBe(1)
    expect(store.stats()).toMatchObject({ usedBytes: 0, lingering: 0 })
  })

  it('to HEAD has the length and no body', () => {
    save()
    const exchange = start().request({ method: 'HEAD' })
    expect([exchange.status, exchange.body.length, exchange.contentLength]).toEqual([200, 0, 10])
  })

  it.each([
    ['if-none-match: "v1"', 304, ''],
    ['if-none-match: W/"v1", "x"', 304, ''],
    ['if-none-match: "other"', 200, '0123456789'],
    ['if-modified-since: Thu, 01 Jan 2026 00:00:00 GMT', 304, ''],
    ['range: bytes=2-4', 206, '234'],
    ['range: bytes=-3', 206, '789'],
    ['range: bytes=8-', 206, '89'],
    ['range: bytes=20-', 416, ''],
    ['range: bytes=2-4\r\nif-range: "other"', 200, '0123456789'],
    ['range: nonsense', 200, '0123456789'],
  ])('with %s is %d', (line, status, body) => {
    save()
    const rig = start()
    const exchange = rig.request({ headerBlock: `host: example.com\r\n${line}\r\n` })
    expect([exchange.status, String(exchange.body)]).toEqual([status, body])
    if (status === 304) expect(exchange.headerBlock).not.toContain('content-type')
    if (status === 206) expect(exchange.headerBlock).toMatch(/content-range: bytes \d-\d\/10\r\n/)
    expectNothingLeft(rig)
  })

  it('with several ranges is one multipart answer of the announced length', () => {
    save()
    const exchange = start().request({ headerBlock: 'host: example.com\r\nrange: bytes=0-1,5-6\r\n' })
    expect(exchange.status).toBe(206)
    expect(exchange.contentLength).toBe(exchange.body.length)
    expect(String(exchange.body)).toMatch(/bytes 0-1\/10\r\n\r\n01\r\n--.*bytes 5-6\/10\r\n\r\n56\r\n--/s)
  })

  it('of up to 64 KiB that lies in several blocks goes out in one piece', () => {
    const body = Buffer.alloc(40_000)
    for (let i = 0; i < body.length; i += 1) body[i] = i % 251
    save({ body })
    const exchange = start().request()
    expect(exchange.body.equals(body)).toBe(true)
  })

  it('that is large goes out at the pace of the client, and the session is in flight meanwhile', () => {
    const body = Buffer.alloc(1_000_000)
    for (let i = 0; i < body.length; i += 1) body[i] = i % 251
    save({ body })
    const rig = start()
    const exchange = rig.request()
    expect(exchange.body.equals(body)).toBe(true)
    expect(rig.idles).toBe(1)
    const slow = rig.request({ headerBlock: 'host: example.com\r\nrange: bytes=1-900000\r\n' }, false)
    const other = rig.request({}, false)
    expect([slow.phase, other.phase, rig.dispatcher.inFlight]).toEqual(['ending', 'ending', 2])
    slow.finish()
    other.finish()
    expect(slow.body.equals(body.subarray(1, 900_001))).toBe(true)
    expect(rig.count('bytes_out')).toBe(2_900_000)
    expectNothingLeft(rig)
  })

  it('a client that takes nothing gets nothing more, and holds the entry only until it leaves', () => {
    save({ body: Buffer.alloc(1_000_000, 1) })
    const rig = start()
    const exchange = rig.request({}, true, false)
    expect(exchange.body.length).toBeLessThan(70_000)
    store.purge(keyOf('/'), 'hard')
    exchange.drain(false)
    expect(exchange.body.length).toBeGreaterThan(70_000)
    expect(exchange.body.length).toBeLessThan(140_000)
    expect(store.stats().lingering).toBe(1)
    exchange.leave()
    expect(store.stats()).toMatchObject({ lingering: 0, usedBytes: 0 })
    expect([rig.count('answered'), rig.count('aborted')]).toEqual([0, 1])
    expectNothingLeft(rig)
  })

  it('A-29 has the edits of the built-in filter headers', () => {
    save()
    const edits = [{ remove: ['X-Internal'], set: { Vary: 'a' }, append: { 'X-A': '1' } }]
    const exchange = start({}, [], [edits]).request()
    expect(exchange.headerBlock).not.toContain('x-internal')
    expect(exchange.headerBlock.toLowerCase()).toContain('x-a: 1\r\n')
    expect(exchange.headerBlock).toContain('age: 7\r\n')
    const hidden = start({}, [], [[{ remove: ['Cache-Status', 'Age'], set: {}, append: {} }]]).request()
    expect(hidden.headerBlock).not.toMatch(/age: |cache-status/)
  })

  it('is looked up as the built-in filter headers leaves the request', async () => {
    save()
    const filter: FilterRef = {
      kind: 'builtin',
      name: 'headers',
      options: { request: { set: { Authorization: 'x' } } },
    }
    const rig = start({}, [filter])
    expect(await wentToWorker(rig, rig.request())).toBe(true)
    save({ flags: FLAG_FOR_AUTHORIZED })
    expect(rig.request().status).toBe(200)
  })

  it('of a resource that varies is that of the request', async () => {
    const request = (language: string): string => `host: example.com\r\naccept-language: ${language}\r\n`
    const rig = start()
    store.put(keyOf('/'), varyHead(['accept-language'], 77, now()), null)
    const fields = { get: (name: string) => (name === 'accept-language' ? 'de' : null) }
    const key = variantKey(keyOf('/'), variance(['accept-language'], fields))
    store.put(key, { ...headOf({}), vary: 77 }, BODY)
    expect(rig.request({ headerBlock: request('de') }).status).toBe(200)
    expect(await wentToWorker(rig, rig.request({ headerBlock: request('fr') }))).toBe(true)
    store.put(key, { ...headOf({}), vary: 78 }, BODY)
    expect(await wentToWorker(rig, rig.request({ headerBlock: request('de') }))).toBe(true)
  })
})

describe('a worker decides', () => {
  it.each([
    ['what is not there', { target: '/other' }, {}],
    ['what is stale', {}, { ttlS: -5 }],
    ['a body', { method: 'POST', contentLength: 3 }, {}],
    ['a fat GET', { contentLength: 3 }, {}],
    ['an upgrade', { upgrade: 'websocket' }, {}],
    ['another host', { host: 'other', headerBlock: 'host: other\r\n' }, {}],
    ['no-cache', { headerBlock: 'host: example.com\r\ncache-control: no-cache\r\n' }, {}],
    ['no-store', { headerBlock: 'host: example.com\r\ncache-control: no-store\r\n' }, {}],
    ['max-age', { headerBlock: 'host: example.com\r\ncache-control: max-age=3\r\n' }, {}],
    ['Pragma', { headerBlock: 'host: example.com\r\npragma: no-cache\r\n' }, {}],
    ['Authorization', { headerBlock: 'host: example.com\r\nauthorization: x\r\n' }, {}],
    ['If-Match', { headerBlock: 'host: example.com\r\nif-match: "v1"\r\n' }, {}],
  ])('about %s', async (_name, head, stored) => {
    save(stored)
    const rig = start()
    expect(await wentToWorker(rig, rig.request(head))).toBe(true)
    expect(events).toEqual([])
    expectNothingLeft(rig)
  })

  it('where the route says that a request goes past the cache', async () => {
    save({ target: '/?preview=1' })
    const rig = start({
      bypass: { headers: [], cookies: [], query: [{ name: 'preview', op: 'present', value: '' }] },
    })
    expect(await wentToWorker(rig, rig.request({ target: '/?preview=1' }))).toBe(true)
  })

  it('until it has said that no filter must see hits', async () => {
    save()
    const config: RouteConfig = { ...route(), cache: CACHE }
    const hits = { store, count: () => undefined }
    const rig = new Rig({ routes: [config], hits })
    expect(await wentToWorker(rig, rig.request())).toBe(true)
    rig.dispatcher.allowHits([0])
    expect(rig.request().status).toBe(200)
  })

  it('nothing of what a request says where it does not count', () => {
    save()
    const rig = start({ requestControl: 'ignore' })
    const headerBlock = 'host: example.com\r\ncache-control: no-cache, no-store\r\n'
    expect(rig.request({ headerBlock }).status).toBe(200)
  })
})
