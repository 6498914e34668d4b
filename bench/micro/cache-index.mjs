import { LRUCache } from 'lru-cache'
import { createStoreMemory, SharedStore } from '../../dist/cache/store/index.js'
import { about, addTable, short } from '../lib/document.mjs'

about(
  'Index of the cache',
  'Nanoseconds for each get and put, and hit ratios on Zipf against lru-cache and a plain W-TinyLFU.',
)
const REQUESTS = short ? 100_000 : 1_000_000
const META = 'content-type: text/html\r\netag: "33a64df5"\r\ncache-control: max-age=600\r\n'
const HEAD = {
  bornMs: 1,
  storedAtMs: 1,
  freshUntilMs: 1e15,
  staleWhileRevalidateUntilMs: 0,
  staleIfErrorUntilMs: 0,
  lastModifiedMs: 0,
  status: 200,
  flags: 0,
  vary: 0,
  meta: META,
}

/** CPU time of this process, ns: other processes on the machine disturb it less than they do the clock. */
function cpuNs() {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1000
}

const costs = []

function measure(name, count, run) {
  run()
  const start = cpuNs()
  run()
  costs.push([name, Math.round((cpuNs() - start) / count)])
}

function speed() {
  const store = new SharedStore(createStoreMemory({ sizeBytes: 256 << 20, threads: 6 }), 1)
  const lru = new LRUCache({ max: 100_000 })
  const keys = Array.from(
    { length: 50_000 },
    (_, i) => `GET http://www.example.com:80/some/path/${i}?q=${i % 7}`,
  )
  const body = Buffer.alloc(100, 'x')
  measure('put, 100 B', keys.length, () => {
    for (const key of keys) store.put(key, HEAD, body)
  })
  measure('get: find, head, body, count, release', keys.length, () => {
    for (const key of keys) {
      const entry = store.find(key)
      entry.head()
      entry.read(0)
      entry.touch()
      entry.release()
    }
  })
  const hot = keys.slice(0, 100)
  measure('the same, a hundred hot keys', keys.length, () => {
    for (let i = 0; i < keys.length; i += 1) {
      const entry = store.find(hot[i % 100])
      entry.head()
      entry.read(0)
      entry.touch()
      entry.release()
    }
  })
  measure('find that misses', keys.length, () => {
    for (const key of keys) store.find(`${key}x`)
  })
  measure('lru-cache in one thread, set', keys.length, () => {
    for (const key of keys) lru.set(key, body)
  })
  measure('lru-cache in one thread, get', keys.length, () => {
    for (const key of keys) lru.get(key)
  })
}

/** Numbers from 0 on, the smaller the more frequent. */
function zipf(count, exponent) {
  const sums = new Float64Array(count)
  let sum = 0
  for (let i = 0; i < count; i += 1) {
    sum += 1 / (i + 1) ** exponent
    sums[i] = sum
  }
  return () => {
    const at = Math.random() * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle] < at) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** W-TinyLFU as simple as it can be: window of 1 %, main of an LRU, admission by exact counts that are halved now and then. */
class TinyLfu {
  constructor(max) {
    this.window = new LRUCache({
      max: Math.max(1, Math.round(max / 100)),
      dispose: (_v, key, why) => why === 'evict' && this.admit(key),
    })
    this.main = new Map()
    this.max = max - this.window.max
    this.counts = new Map()
    this.seen = 0
  }
  admit(key) {
    if (this.main.size < this.max) return this.main.set(key, true)
    const victim = this.main.keys().next().value
    if ((this.counts.get(key) ?? 0) <= (this.counts.get(victim) ?? 0)) return
    this.main.delete(victim)
    this.main.set(key, true)
  }
  get(key) {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
    this.seen += 1
    if (this.seen > 10 * this.max) {
      this.seen = 0
      for (const [each, count] of this.counts)
        count < 2 ? this.counts.delete(each) : this.counts.set(each, count >> 1)
    }
    if (this.window.get(key)) return true
    if (!this.main.delete(key)) return false
    return this.main.set(key, true)
  }
  set(key) {
    this.window.set(key, true)
  }
}

/** @param oneHit share of requests for what is never asked for again: bots, unique queries */
function ratios(exponent, oneHit) {
  const OBJECTS = 100_000
  const body = Buffer.alloc(700)
  const next = zipf(OBJECTS, exponent)
  const store = new SharedStore(createStoreMemory({ sizeBytes: 12 << 20, threads: 1 }), 0)
  for (let i = 0; i < 100_000; i += 1) store.put(`fill ${i}`, HEAD, body)
  const max = store.stats().entries
  store.purgePrefix('', 'hard')
  const lru = new LRUCache({ max })
  const lfu = new TinyLfu(max)
  const hits = [0, 0, 0]
  for (let i = 0; i < REQUESTS; i += 1) {
    const key = Math.random() < oneHit ? `once ${i}` : `key ${next()}`
    const entry = store.find(key)
    if (entry === null) store.put(key, HEAD, body)
    else {
      entry.touch()
      entry.release()
      hits[0] += 1
    }
    if (lru.get(key)) hits[1] += 1
    else lru.set(key, true)
    if (lfu.get(key)) hits[2] += 1
    else lfu.set(key)
  }
  const [ours, byLru, byLfu] = hits.map((count) => `${((100 * count) / REQUESTS).toFixed(1)} %`)
  return [exponent, `${oneHit * 100} %`, `${max} of ${OBJECTS}`, ours, byLru, byLfu]
}

speed()
addTable('Speed', ['', 'CPU ns'], costs)
addTable(
  'Share of hits',
  ['Zipf exponent', 'asked for once', 'room for', 'S3-FIFO (headgate)', 'LRU', 'W-TinyLFU'],
  [0.7, 0.9, 1.1].flatMap((exponent) => [0, 0.3].map((oneHit) => ratios(exponent, oneHit))),
)
