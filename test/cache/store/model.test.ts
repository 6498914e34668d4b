import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { EntryWriter } from '#src/cache/store/index.js'
import { HEAD, openStores, put, take } from './support.js'

const MIB = 1024 * 1024

const key = fc.integer({ min: 0, max: 11 }).map((n) => `/${n % 3}/${n}`)
const size = fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 90_000 }))
const thread = fc.integer({ min: 0, max: 2 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), key, size, thread }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('find' as const), key, thread }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const), key, size, thread }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('complete' as const, 'abort' as const), thread }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const), key, thread }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constantFrom('prefix' as const, 'tag' as const),
      of: fc.integer({ min: 0, max: 2 }),
      thread,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('refresh' as const),
      key,
      size: fc.integer({ min: 0, max: 5000 }),
      thread,
    }),
  },
)

/** A body that can only be that of this number. */
function bodyOf(size: number, n: number): string {
  return `${n}.`.repeat(Math.ceil(size / 2)).slice(0, size)
}

it.each([
  { name: 'does what a Map does while there is room', sizeBytes: 64 * MIB, bounded: false },
  {
    name: 'never gives anything else than what was stored last, where there is too little room',
    sizeBytes: MIB,
    bounded: true,
  },
])('$name', ({ sizeBytes, bounded }) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const stores = openStores(sizeBytes)
      const model = new Map<string, string>()
      const fills: { key: string; body: string; writer: EntryWriter; doomed: boolean }[] = []
      const doom = (isMeant: (key: string) => boolean): void => {
        for (const fill of fills) fill.doomed ||= isMeant(fill.key)
        for (const each of [...model.keys()]) if (isMeant(each)) model.delete(each)
      }
      for (const [n, s] of steps.entries()) {
        const store = stores[s.thread] ?? stores[0]
        switch (s.do) {
          case 'put': {
            const body = bodyOf(s.size, n)
            const stored = put(store, s.key, body, { tags: [s.key.slice(1, 2)], meta: `m${n}` })
            if (!bounded) expect(stored).toBe(true)
            if (stored) model.set(s.key, body)
            break
          }
          case 'find': {
            const found = take(store, s.key)
            if (!(bounded && found === null)) expect(found).toBe(model.get(s.key) ?? null)
            break
          }
          case 'begin': {
            const body = bodyOf(s.size, n)
            const writer = store.begin(s.key, { ...HEAD, tags: [s.key.slice(1, 2)] })
            if (writer === null) break
            const half = s.size >> 1
            const ok =
              writer.append(Buffer.from(body.slice(0, half))) && writer.append(Buffer.from(body.slice(half)))
            if (ok) fills.push({ key: s.key, body, writer, doomed: false })
            break
          }
          case 'complete': {
            const fill = fills.pop()
            if (fill === undefined) break
            expect(fill.writer.complete()).toBe(!fill.doomed)
            if (!fill.doomed) model.set(fill.key, fill.body)
            break
          }
          case 'abort':
            fills.pop()?.writer.abort()
            break
          case 'purge':
            store.purge(s.key, 'hard')
            doom((each) => each === s.key)
            break
          case 'prefix':
            store.purgePrefix(`/${s.of}/`, 'hard')
            doom((each) => each.startsWith(`/${s.of}/`))
            break
          case 'tag':
            store.purgeTag(String(s.of), 'hard')
            doom((each) => each.startsWith(`/${s.of}/`))
            break
          case 'refresh': {
            const entry = store.find(s.key)
            if (entry === null) break
            const meta = bodyOf(s.size, n)
            if (store.refresh(entry, { ...HEAD, meta })) expect(entry.head()?.meta).toBe(meta)
            entry.release()
            break
          }
        }
      }
      const [store] = stores
      for (const fill of fills) fill.writer.abort()
      if (!bounded) expect(store.stats().entries).toBe(model.size)
      store.purgePrefix('', 'hard')
      expect(store.stats()).toMatchObject({ usedBytes: 0, entries: 0, filling: 0, lingering: 0 })
    }),
    { numRuns: 60 },
  )
})
