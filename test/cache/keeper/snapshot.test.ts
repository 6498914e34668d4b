import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { CacheKeeper } from '#src/cache/keeper/index.js'
import { loadSnapshot } from '#src/cache/keeper/load-snapshot.js'
import { saveSnapshot } from '#src/cache/keeper/save-snapshot.js'
import { createStoreMemory, SharedStore } from '#src/cache/store/index.js'
import { clockAnchor, now, useClockAnchor } from '#src/time/index.js'
import { HEAD, put, take } from '../store/support.js'

const MIB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'headgate-snapshot-'))
const place = { file: join(folder, 'cache.snapshot'), mark: 'routes of today' }
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => {
  for (const suffix of ['', '.damaged', '.loading']) rmSync(place.file + suffix, { force: true })
})

const FRESH = {
  bornMs: now() - 5000,
  storedAtMs: now() - 4000,
  freshUntilMs: now() + 60_000,
  staleWhileRevalidateUntilMs: 0,
  staleIfErrorUntilMs: 0,
  lastModifiedMs: now() - 1e6,
  status: 203,
  flags: 24,
  vary: -7,
  meta: 'OK\n"é"\n',
}

function open(sizeBytes = 4 * MIB): SharedStore {
  return new SharedStore(createStoreMemory({ sizeBytes, threads: 2 }), 0)
}

describe('a snapshot of the cache', () => {
  it('brings back heads, bodies and tags as they were, and is gone then', () => {
    const store = open()
    const bodies = [0, 1, 5000, 300_000].map((length) => 'abcdefg'.repeat(length / 7 + 1).slice(0, length))
    for (const [i, body] of bodies.entries())
      put(store, `key ${i}`, body, { ...FRESH, tags: ['red', `${i}`] })
    put(store, 'key é', 'latin', FRESH)
    expect(saveSnapshot(store, place)).toMatchObject({ entries: 5 })
    expect(statSync(place.file).mode & 0o777).toBe(0o600)
    const next = open(8 * MIB)
    expect(loadSnapshot(next, place)).toEqual({ kind: 'taken', entries: 5, skipped: 0 })
    for (const [i, body] of bodies.entries()) expect(take(next, `key ${i}`)).toBe(body)
    const entry = next.find('key é')
    expect(entry?.head()).toEqual(FRESH)
    entry?.release()
    expect(next.purgeTag('2', 'hard')).toBe(1)
    expect(next.purgeTag('red', 'hard')).toBe(3)
    expect(existsSync(place.file)).toBe(false)
    expect(loadSnapshot(open(), place)).toEqual({ kind: 'none' })
  })

  it('leaves out what is too old when it is written and when it is read, but for windows of stale use, and what comes of the future', () => {
    const store = open()
    put(store, 'old', 'x', { ...FRESH, freshUntilMs: now() - 1 })
    put(store, 'windows', 'x', { ...FRESH, freshUntilMs: 1, staleIfErrorUntilMs: now() + 60_000 })
    put(store, 'soon', 'x', { ...FRESH, freshUntilMs: now() + 20_000 })
    put(store, 'ahead', 'x', { ...FRESH, storedAtMs: now() + 3_600_000 })
    put(store, 'good', 'x', FRESH)
    expect(saveSnapshot(store, place)).toMatchObject({ entries: 3 })
    const anchor = clockAnchor()
    onTestFinished(() => useClockAnchor(anchor))
    useClockAnchor(anchor + 21_000)
    const next = open()
    expect(loadSnapshot(next, place)).toEqual({ kind: 'taken', entries: 2, skipped: 1 })
    expect([take(next, 'windows'), take(next, 'good'), take(next, 'soon')]).toEqual(['x', 'x', null])
  })

  it('does not take the place of what was stored since, nor brings back what is purged while it is read', () => {
    const store = open()
    for (const key of ['a', 'b', 'c']) put(store, key, 'old', FRESH)
    saveSnapshot(store, place)
    const next = open()
    put(next, 'b', 'new', FRESH)
    const restore = next.restore.bind(next)
    next.restore = (kept, length, sinceMs) => {
      if (kept.key === 'c' || kept.key === 'a') next.purge('a', 'hard')
      return restore(kept, length, sinceMs)
    }
    loadSnapshot(next, place)
    expect([take(next, 'a'), take(next, 'b'), take(next, 'c')]).toEqual([null, 'new', 'old'])
  })

  it('what was asked for again stays longest, also in a cache that has no room for all; nothing gives way to it', () => {
    const store = open(4 * MIB)
    const body = 'x'.repeat(10_000)
    for (let i = 0; i < 300; i += 1) {
      put(store, `key ${i}`, body, FRESH)
      if (i % 10 !== 0) continue
      const entry = store.find(`key ${i}`)
      entry?.touch()
      entry?.release()
    }
    // Some of those that were used come into the main queue, the others are on probation still.
    for (let i = 0; i < 150; i += 1) put(store, `later ${i}`, body, FRESH)
    const there = Array.from({ length: 300 }, (_, i) => i).filter((i) => take(store, `key ${i}`) !== null)
    expect(there.filter((i) => i % 10 === 0)).toHaveLength(30)
    saveSnapshot(store, place)
    const next = open(1 * MIB)
    for (let i = 0; i < 20; i += 1) put(next, `mine ${i}`, body, FRESH)
    const loaded = loadSnapshot(next, place)
    expect(loaded).toMatchObject({ kind: 'taken' })
    expect(next.stats().evictions).toBe(0)
    for (let i = 0; i < 20; i += 1) expect(take(next, `mine ${i}`)).toBe(body)
    for (let i = 0; i < 300; i += 10) expect(take(next, `key ${i}`)).toBe(body)
  })

  it('of other routes or upstreams is not taken', () => {
    const store = open()
    put(store, 'a', 'old', FRESH)
    saveSnapshot(store, place)
    const next = open()
    expect(loadSnapshot(next, { ...place, mark: 'other' })).toEqual({ kind: 'other' })
    expect([next.stats().entries, existsSync(place.file)]).toEqual([0, false])
  })

  it('that is damaged anywhere gives nothing wrong, and is moved aside', () => {
    const store = open()
    for (let i = 0; i < 4; i += 1) put(store, `key ${i}`, `body ${i}`, FRESH)
    saveSnapshot(store, place)
    const whole = readFileSync(place.file)
    const damage: Buffer[] = []
    for (let at = 0; at < whole.length; at += 7) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 0x41
      damage.push(changed, whole.subarray(0, at))
    }
    const memory = createStoreMemory({ sizeBytes: MIB, threads: 1 })
    for (const [i, bytes] of damage.entries()) {
      writeFileSync(place.file, bytes)
      const next = new SharedStore(memory, 0)
      const loaded = loadSnapshot(next, place)
      // In the mark alone a change is not seen as such before its checksum.
      expect([i, loaded.kind]).toEqual([i, 'damaged'])
      expect(readFileSync(`${place.file}.damaged`).equals(bytes)).toBe(true)
      expect(existsSync(place.file)).toBe(false)
      next.forEachKept((kept) => expect(kept.head).toEqual(FRESH))
      for (let key = 0; key < 4; key += 1) expect([null, `body ${key}`]).toContain(take(next, `key ${key}`))
      next.purgePrefix('', 'hard')
      expect(next.stats()).toMatchObject({ usedBytes: 0, filling: 0, lingering: 0 })
    }
    writeFileSync(place.file, Buffer.concat([whole.subarray(0, 8), Buffer.from([9]), whole.subarray(9)]))
    expect(loadSnapshot(open(), place)).toMatchObject({ kind: 'damaged', why: 'its version is 9, not 1' })
  })

  it('is written and read by a thread of the keeper; what goes wrong there is said', async () => {
    const memory = createStoreMemory({ sizeBytes: 4 * MIB, threads: 3 })
    const store = new SharedStore(memory, 0)
    const keeper = new CacheKeeper(memory, 2, store)
    put(store, 'a', 'kept', { ...HEAD, ...FRESH })
    expect(await keeper.save(place)).toMatchObject({ entries: 1 })
    store.purge('a', 'hard')
    expect(await keeper.load(place)).toEqual({ kind: 'taken', entries: 1, skipped: 0 })
    expect(take(store, 'a')).toBe('kept')
    await expect(keeper.save({ ...place, file: join(folder, 'no', 'such') })).rejects.toThrow(/ENOENT/)
    expect(put(store, 'b', 'goes on', FRESH)).toBe(true)
  })
})
