import { expect, it } from 'vitest'
import { openStores, put, take } from './support.js'

const MIB = 1024 * 1024
const BODY = 'x'.repeat(3000)

/** Stores so many other entries that each is seen once. */
function scan(store: Parameters<typeof put>[0], count: number, name = 'scan', body = BODY): void {
  for (let i = 0; i < count; i += 1) put(store, `${name} ${i}`, body)
}

it('a scan of what is asked for once leaves what is used', () => {
  const [store] = openStores(4 * MIB)
  for (let i = 0; i < 200; i += 1) put(store, `used ${i}`, BODY)
  for (let i = 0; i < 200; i += 1) {
    const entry = store.find(`used ${i}`)
    entry?.touch()
    entry?.release()
  }
  scan(store, 10_000)
  const left = Array.from({ length: 200 }, (_, i) => take(store, `used ${i}`)).filter((body) => body !== null)
  expect(left.length).toBe(200)
  expect(store.stats().evictions).toBeGreaterThan(8000)
})

it('of entries that nobody uses the first that came goes first', () => {
  const [store] = openStores(MIB)
  scan(store, 1000)
  const left = Array.from({ length: 1000 }, (_, i) => take(store, `scan ${i}`) !== null)
  const first = left.indexOf(true)
  expect(first).toBeGreaterThan(500)
  expect(left.slice(first)).not.toContain(false)
})

it('what comes back soon after it was evicted stays longer than what is new', () => {
  const [store] = openStores(MIB)
  put(store, 'comes back', BODY)
  scan(store, 400, 'a')
  expect(take(store, 'comes back')).toBeNull()
  put(store, 'comes back', BODY)
  scan(store, 10_000, 'b')
  put(store, 'new', BODY)
  expect(take(store, 'comes back')).toBe(BODY)
})

it('large entries make room for each other, not at the cost of the small ones', () => {
  const [store] = openStores(16 * MIB)
  const small = (): number =>
    Array.from({ length: 2000 }, (_, i) => take(store, `small ${i}`)).filter((b) => b !== null).length
  for (let i = 0; i < 2000; i += 1) put(store, `small ${i}`, BODY)
  const before = small()
  expect(before).toBe(2000)
  scan(store, 100, 'large', 'x'.repeat(2 * MIB))
  expect(small()).toBeGreaterThan(1700)
})

it('an entry that is being read is not evicted', () => {
  const [store, other] = openStores(MIB)
  put(store, 'k', BODY)
  const held = other.find('k')
  scan(store, 3000)
  expect(store.stats().lingering).toBe(0)
  expect(take(store, 'k')).toBe(BODY)
  held?.release()
  scan(store, 3000, 'more')
  expect(take(store, 'k')).toBeNull()
})

it('when more is used than there is room for, what is used all the time is hardly ever missed, and the rest leaves in order', () => {
  const [store] = openStores(MIB)
  let missed = 0
  const use = (key: string): void => {
    const entry = store.find(key)
    if (entry === null) {
      missed += 1
      put(store, key, BODY)
    }
    entry?.touch()
    entry?.release()
  }
  for (let i = 0; i < 2000; i += 1) {
    put(store, `used ${i}`, BODY)
    use(`used ${i}`)
    use('hot')
  }
  // Once before it is there, and once when the first of all that were used once had to go.
  expect(missed).toBeLessThanOrEqual(4)
  const left = Array.from({ length: 2000 }, (_, i) => take(store, `used ${i}`) !== null)
  expect(take(store, 'hot')).toBe(BODY)
  const first = left.indexOf(true)
  expect(first).toBeGreaterThan(1500)
  // Those that had their second chance lie in the order they came; nothing but the newest is left.
  expect(left.slice(first).filter((isLeft) => isLeft).length).toBeGreaterThan(100)
  expect(store.stats().usedBytes).toBeLessThanOrEqual(MIB)
})
