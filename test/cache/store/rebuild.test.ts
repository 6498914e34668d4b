import { afterEach, expect, it, vi } from 'vitest'
import { BlockMemory } from '#src/cache/store/block-memory.js'
import { EntryTable } from '#src/cache/store/entry-table.js'
import { createStoreMemory, SharedStore } from '#src/cache/store/index.js'
import { HEAD, put, take } from './support.js'

const MIB = 1024 * 1024

afterEach(() => vi.restoreAllMocks())

class Death extends Error {}

/** From the `steps`th write to the index on, everything that writes to it throws: the thread has died there, with the lock in its hand. */
function dieAfter(steps: number): void {
  let left = steps
  const die = (): void => {
    left -= 1
    if (left < 0) throw new Death()
  }
  for (const method of [
    'set',
    'link',
    'unlink',
    'enqueue',
    'dequeue',
    'grow',
    'takeRow',
    'giveRow',
    'clear',
  ] as const) {
    const original = EntryTable.prototype[method] as (...args: unknown[]) => unknown
    vi.spyOn(EntryTable.prototype, method).mockImplementation(function (
      this: EntryTable,
      ...args: unknown[]
    ) {
      die()
      return original.apply(this, args) as never
    })
  }
  for (const method of ['take', 'give', 'link', 'clear'] as const) {
    const original = BlockMemory.prototype[method] as (...args: unknown[]) => unknown
    vi.spyOn(BlockMemory.prototype, method).mockImplementation(function (
      this: BlockMemory,
      ...args: unknown[]
    ) {
      die()
      return original.apply(this, args) as never
    })
  }
}

const changes: Record<string, (store: SharedStore) => unknown> = {
  'stores an entry': (store) => put(store, 'new', 'n'.repeat(2000)),
  'stores one that needs evictions': (store) => put(store, 'new', 'n'.repeat(200_000)),
  'replaces an entry': (store) => put(store, 'kept 3', 'body 3'.repeat(100)),
  'purges an entry that is being read': (store) => store.purge('held', 'hard'),
  'changes a head': (store) => {
    const entry = store.find('kept 3')
    if (entry !== null) store.refresh(entry, { ...HEAD, meta: 'm'.repeat(3000) })
  },
  'aborts a fill': (store) => store.begin('new', HEAD)?.abort(),
}

it.each(Object.keys(changes))(
  'a thread that dies wherever it %s leaves nothing broken and nothing leaked',
  async (name) => {
    let died = 0
    for (let steps = 0; ; steps += 1) {
      const memory = createStoreMemory({ sizeBytes: MIB, threads: 3 })
      const [store, other, dying] = [0, 1, 2].map((thread) => new SharedStore(memory, thread)) as [
        SharedStore,
        SharedStore,
        SharedStore,
      ]
      for (let i = 0; i < 60; i += 1) put(store, `kept ${i}`, `body ${i}`.repeat(100 + i * 20))
      put(store, 'held', 'h'.repeat(5000))
      const held = other.find('held')
      const fill = other.begin('filling', HEAD)
      fill?.append(Buffer.from('before'))
      dieAfter(steps)
      let whole = true
      try {
        changes[name]?.(dying)
      } catch (error) {
        if (!(error instanceof Death)) throw error
        whole = false
      }
      vi.restoreAllMocks()
      if (whole) break
      died += 1
      await store.forget(2)
      expect(fill?.append(Buffer.from(' and after'))).toBe(true)
      expect(fill?.complete()).toBe(true)
      expect(take(store, 'filling')).toBe('before and after')
      expect(Buffer.from(held?.read(0) ?? []).toString()).toMatch(/^h+$/)
      held?.release()
      let left = 0
      for (let i = 0; i < 60; i += 1) {
        const body = take(store, `kept ${i}`)
        if (body === null) continue
        left += 1
        expect(body.slice(0, 12)).toBe(`body ${i}`.repeat(3).slice(0, 12))
      }
      expect(left).toBeGreaterThan(name.includes('evictions') ? 10 : 55)
      const fresh = new SharedStore(memory, 2)
      expect(put(fresh, 'works', 'again')).toBe(true)
      expect(take(other, 'works')).toBe('again')
      store.purgePrefix('', 'hard')
      expect(store.stats()).toMatchObject({ usedBytes: 0, entries: 0, filling: 0, lingering: 0 })
    }
    expect(died).toBeGreaterThan(5)
  },
)
