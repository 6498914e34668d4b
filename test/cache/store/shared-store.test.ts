import { describe, expect, it } from 'vitest'
import { createStoreMemory, FLAG_PURGED, SharedStore } from '#src/cache/store/index.js'
import { now } from '#src/time/index.js'
import { HEAD, openStores, put, take } from './support.js'

const MIB = 1024 * 1024

describe('the store', () => {
  it('A-53 gives an entry that one thread has stored to another, head and body', () => {
    const [, one, two] = openStores(MIB)
    const head = { ...HEAD, status: 404, flags: 6, vary: -5, meta: 'a: b\r\n\xe9' }
    expect(one.put('GET /a', head, Buffer.from('body'))).toBe(true)
    const entry = two.find('GET /a')
    expect(entry?.head()).toEqual(head)
    expect(entry).toMatchObject({ key: 'GET /a', state: 'complete', bodyBytes: 4, totalBytes: 4 })
    entry?.release()
    expect(take(two, 'GET /a')).toBe('body')
    expect(two.find('GET /b')).toBeNull()
  })

  it('compares whole keys: those whose hashes meet stay apart', () => {
    const memory = createStoreMemory({ sizeBytes: MIB, threads: 1 })
    const store = new SharedStore(memory, 0, undefined, (_key, _a, _b, into) => {
      into.a = 7
      into.b = 7
    })
    for (let i = 0; i < 50; i += 1) put(store, `key ${i}`, `body ${i}`)
    for (let i = 0; i < 50; i += 1) expect(take(store, `key ${i}`)).toBe(`body ${i}`)
    expect(store.find('key 50')).toBeNull()
    expect(store.purge('key 7', 'hard')).toBe(1)
    expect([take(store, 'key 6'), take(store, 'key 7'), take(store, 'key 8')]).toEqual([
      'body 6',
      null,
      'body 8',
    ])
  })

  it('puts a new entry in the place of the old one only when it is whole', () => {
    const [store, other] = openStores(MIB)
    put(store, 'k', 'old')
    const fill = store.begin('k', HEAD)
    fill?.append(Buffer.from('new'))
    expect(take(other, 'k')).toBe('old')
    expect(fill?.complete()).toBe(true)
    expect(take(other, 'k')).toBe('new')
    expect(store.stats()).toMatchObject({ entries: 1, filling: 0, lingering: 0 })
  })

  it('keeps what a reader holds, though it is replaced and purged, and frees it afterwards', () => {
    const [store, other] = openStores(MIB)
    put(store, 'k', 'first'.repeat(1000))
    const held = other.find('k')
    put(store, 'k', 'second')
    expect(store.purge('k', 'hard')).toBe(1)
    for (let i = 0; i < 2000; i += 1) put(store, `other ${i}`, 'x'.repeat(5000))
    expect(store.stats().lingering).toBe(1)
    expect(Buffer.from(held?.read(0, 10) ?? []).toString()).toBe('firstfirst')
    held?.release()
    held?.release()
    expect(store.stats().lingering).toBe(0)
    store.purgePrefix('', 'hard')
    expect(store.stats()).toMatchObject({ usedBytes: 0, entries: 0 })
  })

  it('C-20 stays within its bytes, tables included, whatever is stored', () => {
    for (const sizeBytes of [MIB, 8 * MIB, 100 * MIB]) {
      const { tables, slabs } = createStoreMemory({ sizeBytes, threads: 10 })
      const bytes = slabs.reduce((sum, slab) => sum + slab.byteLength, tables.byteLength)
      expect(bytes).toBeLessThanOrEqual(sizeBytes)
      expect(bytes).toBeGreaterThan(sizeBytes * 0.85)
    }
    expect(() => createStoreMemory({ sizeBytes: 1000, threads: 1 })).toThrow(RangeError)
  })

  it('takes neither a body that is too long nor a key or head without bounds', () => {
    const memory = createStoreMemory({ sizeBytes: 4 * MIB, maxEntryBytes: 1000, threads: 1 })
    const store = new SharedStore(memory, 0)
    expect(put(store, 'k', 'x'.repeat(1000))).toBe(true)
    expect(put(store, 'l', 'x'.repeat(1001))).toBe(false)
    expect(put(store, 'k'.repeat(40_000), 'x')).toBe(false)
    expect(put(store, 'm', 'x', { meta: 'm'.repeat(300_000) })).toBe(false)
    const fill = store.begin('n', HEAD)
    expect(fill?.append(Buffer.alloc(999))).toBe(true)
    expect(fill?.append(Buffer.alloc(2))).toBe(false)
    expect(fill?.complete()).toBe(false)
    expect(store.findFilling('n')).toBeNull()
    expect(store.stats()).toMatchObject({ entries: 1, filling: 0, refused: 4 })
  })

  it('keys, tags and fields that fill several blocks are found, told and purged as others are', () => {
    const [store, other] = openStores(16 * MIB)
    const keys = [10, 900, 5000, 20_000, 32_000].map((length) => `http://a/${'k'.repeat(length)}`)
    const meta = 'm'.repeat(50_000)
    for (const key of keys) {
      expect(put(store, key, 'body', { meta, tags: ['red', 'round'] })).toBe(true)
      const held = other.find(key)
      expect(held?.head()?.meta).toBe(meta)
      held?.release()
      expect(take(other, `${key}x`)).toBeNull()
    }
    expect(other.purgeTag('round', 'hard')).toBe(keys.length)
    expect(store.stats()).toMatchObject({ usedBytes: 0, entries: 0 })
  })

  it('an entry that was let go of is held again while it is the same, and never when another stands in its place', () => {
    const [one, two] = openStores(MIB)
    put(one, 'k', 'body')
    const entry = two.find('k')
    if (entry === null) throw new Error('not stored')
    expect(entry.hold()).toBe(false)
    entry.release()
    expect(entry.hold()).toBe(true)
    expect(Buffer.from(entry.read(0) ?? []).toString()).toBe('body')
    entry.release()
    one.purge('k', 'hard')
    expect(entry.hold()).toBe(false)
    put(one, 'k', 'next')
    expect(entry.hold()).toBe(false)
    // What it looked at is not held: the other can be removed to its last byte.
    one.purge('k', 'hard')
    expect(one.stats()).toMatchObject({ usedBytes: 0, lingering: 0 })
  })

  it('changes a head under its readers, longer and shorter, without another block each time', () => {
    const [store, other] = openStores(MIB)
    put(store, 'k', 'body', { meta: 'short', tags: ['t'] })
    const held = other.find('k')
    if (held === null) throw new Error('not stored')
    const used: number[] = []
    for (let i = 0; i < 50; i += 1) {
      const head = { ...HEAD, freshUntilMs: i, meta: String(i % 10).repeat(i % 2 === 0 ? 3000 : 10) }
      expect(store.refresh(held, head)).toBe(true)
      expect(held.head()).toEqual(head)
      used.push(store.stats().usedBytes)
    }
    expect(new Set(used).size).toBe(1)
    expect(take(store, 'k')).toBe('body')
    expect(store.purgeTag('t', 'hard')).toBe(1)
    expect(store.refresh(held, HEAD)).toBe(false)
    held.release()
    expect(store.refresh(held, HEAD)).toBe(false)
    expect(store.stats().usedBytes).toBe(0)
  })
})

describe('purging', () => {
  it('by key, prefix and tag removes what is meant and nothing else', () => {
    const [store, control] = openStores(MIB)
    const fillAll = (): void => {
      put(store, 'http://a/x', '1', { tags: ['red', 'round'] })
      put(store, 'http://a/y', '2', { tags: ['blue'] })
      put(store, 'http://b/x', '3', { tags: ['red'] })
    }
    const left = (): number =>
      ['http://a/x', 'http://a/y', 'http://b/x'].filter((key) => take(store, key) !== null).length
    fillAll()
    expect([control.purge('http://a/x', 'hard'), left()]).toEqual([1, 2])
    fillAll()
    expect([control.purgePrefix('http://a/', 'hard'), left()]).toEqual([2, 1])
    fillAll()
    expect([control.purgeTag('red', 'hard'), left()]).toEqual([2, 1])
    expect([control.purgeTag('re', 'hard'), left()]).toEqual([0, 1])
    expect(store.stats().purged).toBe(5)
  })

  it('soft makes it stale at once and leaves the windows of stale use', () => {
    const [store, control] = openStores(MIB)
    const head = { ...HEAD, freshUntilMs: now() + 60_000, staleIfErrorUntilMs: now() + 90_000, flags: 8 }
    store.put('k', head, Buffer.from('body'))
    const held = store.find('k')
    expect(held?.head()?.freshUntilMs).toBe(head.freshUntilMs)
    expect(control.purge('k', 'soft')).toBe(1)
    const purged = held?.head()
    expect(purged?.freshUntilMs).toBeLessThanOrEqual(now())
    expect(purged).toMatchObject({ staleIfErrorUntilMs: head.staleIfErrorUntilMs, flags: 8 | FLAG_PURGED })
    held?.release()
    expect(take(store, 'k')).toBe('body')
  })

  it('what is being made is not stored, nor what was asked for before', () => {
    const [store, control] = openStores(MIB)
    const purges = [() => control.purge('k0', 'soft'), () => control.purgePrefix('k1', 'hard')]
    for (const [i, purge] of purges.entries()) {
      const requestedAtMs = now()
      const fill = store.begin(`k${i}`, HEAD)
      fill?.append(Buffer.from('part'))
      expect(purge()).toBe(1)
      expect(fill?.complete()).toBe(false)
      expect(store.begin(`k${i}`, HEAD, { requestedAtMs })).toBeNull()
      expect(put(store, `k${i}`, 'again')).toBe(true)
    }
  })
})
