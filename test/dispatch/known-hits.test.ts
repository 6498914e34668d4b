import { beforeEach, describe, expect, it } from 'vitest'
import type { RequestHead } from '#src/acceptor/types.js'
import { cacheKey, PLAIN_KEY, varyHead } from '#src/cache/rules/index.js'
import { now } from '#src/time/index.js'
import { empty, events, headOf, keyOf, noFields, save, start, store } from './support/cached.js'
import { expectNothingLeft, type Rig, route } from './support/rig.js'

beforeEach(() => empty())

/** A gateway that has served the entry under `/` once, the long way. */
function served(...options: Parameters<typeof start>): Rig {
  save()
  const rig = start(...options)
  expect(rig.atOnce()).toBeNull()
  expect(rig.request().status).toBe(200)
  return rig
}

const get = (rig: Rig, head: Partial<RequestHead> = {}) => rig.atOnce({ ...head })

describe('what was a hit a moment ago', () => {
  it('is answered at once with the same answer, and counted like any other', () => {
    const rig = served()
    const { headerBlock, body } = rig.request()
    expect(get(rig)).toEqual({ status: 200, headerBlock, body: String(body) })
    expect([
      rig.count('requests'),
      rig.count('answered'),
      rig.count('status:2xx'),
      rig.count('bytes_out'),
    ]).toEqual([3, 3, 3, 30])
    expect(events).toEqual(['0 hits', '0 hits', '0 hits'])
    expect(rig.answeredHere).toEqual([200, 200, 200])
    expectNothingLeft(rig)
    expect(store.purge(keyOf('/'), 'hard')).toBe(1)
    expect(store.stats()).toMatchObject({ usedBytes: 0, lingering: 0 })
  })

  it('tells its age anew in every second', () => {
    const rig = served()
    expect(get(rig)?.headerBlock).toContain('age: 7\r\n')
    expect(get(rig, { startMs: now() + 3000 })?.headerBlock).toContain('age: 10\r\n')
  })

  it.each([
    ['to HEAD', { method: 'HEAD' }],
    ['to a request with a body', { contentLength: 3 }],
    ['to a request with an unknown length', { contentLength: -2 }],
    ['to a condition', { headerBlock: 'host: example.com\r\nif-none-match: "v1"\r\n' }],
    ['to a range', { headerBlock: 'host: example.com\r\nrange: bytes=0-1\r\n' }],
    ['to Cache-Control', { headerBlock: 'host: example.com\r\ncache-control: no-cache\r\n' }],
    ['to Authorization', { headerBlock: 'host: example.com\r\nauthorization: x\r\n' }],
    ['to what a proxy may have added', { claims: 'x-forwarded-for: 10.0.0.1\r\n' }],
    ['to a handshake', { upgrade: 'websocket' }],
    ['at another host', { host: 'other', headerBlock: 'host: other\r\n' }],
    ['under another target', { target: '/other' }],
  ])('is not answered at once %s', (_name, head) => {
    const rig = served()
    expect(get(rig, head)).toBeNull()
    expect(get(rig)?.status).toBe(200)
  })

  it('is not when it has been purged, or another answer has taken its place: then that one is given', () => {
    const rig = served()
    save({ body: Buffer.from('new') })
    expect(get(rig)).toBeNull()
    expect(String(rig.request().body)).toBe('new')
    expect(get(rig)?.body).toBe('new')
    store.purge(keyOf('/'), 'hard')
    expect(get(rig)).toBeNull()
    expect(store.stats()).toMatchObject({ usedBytes: 0, lingering: 0 })
  })

  it('is not when it is stale, and is again when it was found to be still right', () => {
    const rig = served()
    expect(get(rig, { startMs: now() + 120_000 })).toBeNull()
    const held = store.find(keyOf('/'))
    if (held === null) throw new Error('it is not there')
    expect(store.refresh(held, headOf({ ageS: 0, ttlS: 600 }))).toBe(true)
    held.release()
    expect(get(rig, { startMs: now() + 120_000 })?.headerBlock).toContain('age: 120\r\n')
    store.purge(keyOf('/'), 'soft')
    expect(get(rig)).toBeNull()
  })

  it('is not when it turned out that answers vary', () => {
    const rig = served()
    const held = store.find(keyOf('/'))
    if (held === null) throw new Error('it is not there')
    store.refresh(held, varyHead(['accept'], 7, now()))
    held.release()
    expect(get(rig)).toBeNull()
  })

  it.each([
    ['the key has a header', { keys: { ...PLAIN_KEY, headers: ['x-a'] } }, '-'],
    ['the key has a cookie', { keys: { ...PLAIN_KEY, cookies: ['a'] } }, '-'],
  ])('is never where %s', (_name, cache, part) => {
    const key = cacheKey({ scheme: 'http', host: 'example.com', target: '/' }, noFields, PLAIN_KEY) + part
    store.put(key, headOf({}), Buffer.from('x'))
    const rig = start(cache)
    expect(rig.request().status).toBe(200)
    expect(get(rig)).toBeNull()
  })

  it('is never where a header or a cookie may lead past the cache', () => {
    const condition = { name: 'a', op: 'present', value: '' } as const
    expect(get(served({ bypass: { headers: [condition], cookies: [], query: [] } }))).toBeNull()
    expect(get(served({ bypass: { headers: [], cookies: [condition], query: [] } }))).toBeNull()
  })

  it('is never where the filter `headers` changes requests', () => {
    const options = { request: { remove: [], set: { accept: '*/*' }, append: {} } }
    expect(get(served({}, [{ kind: 'builtin', name: 'headers', options }]))).toBeNull()
  })

  it('is never where a route is chosen by a field', () => {
    save()
    const match = { ...route().match, headers: [{ name: 'x-a', op: 'present', value: '' } as const] }
    const rig = start({}, [], [], [{ ...route(), match }])
    expect(rig.request().status).toBe(200)
    expect(get(rig)).toBeNull()
  })

  it('is never where the answer has no body by its status', () => {
    save({ status: 204, body: Buffer.alloc(0) })
    const rig = start()
    expect(rig.request().status).toBe(204)
    expect(get(rig)).toBeNull()
  })

  it('is never what is too large for one piece', () => {
    save({ body: Buffer.alloc(200_000) })
    const rig = start()
    rig.request()
    expect(get(rig)).toBeNull()
    expectNothingLeft(rig)
  })

  it('is forgotten with the configuration that it was served by', () => {
    const rig = served()
    rig.dispatcher.use(rig.options)
    expect(get(rig)).toBeNull()
  })

  it('stays known for thousands of targets, and what is asked for again outlives what is not', () => {
    empty(64)
    const rig = start()
    const ask = (target: string): void => {
      if (get(rig, { target }) === null) rig.request({ target })
    }
    for (let i = 0; i < 10_000; i += 1) {
      save({ target: `/${i}`, body: Buffer.from(String(i)) })
      ask(`/${i}`)
      ask('/0')
    }
    expect(get(rig, { target: '/0' })?.body).toBe('0')
    expect(get(rig, { target: '/9999' })?.body).toBe('9999')
    expect(get(rig, { target: '/1' })).toBeNull()
    expect(get(rig, { target: '/1' })).toBeNull()
    rig.request({ target: '/1' })
    expect(get(rig, { target: '/1' })?.body).toBe('1')
    expectNothingLeft(rig)
  })
})
