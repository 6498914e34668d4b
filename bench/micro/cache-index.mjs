import { readFileSync } from 'node:fs'
import { LRUCache } from 'lru-cache'
import { createStoreMemory, SharedStore } from '../../dist/cache/store/index.js'
import { addCosts } from '../lib/compare.mjs'
import { about, addRemark, addTable, short } from '../lib/document.mjs'

about(
  'Index of the cache',
  'Nanoseconds for each get and put, and how many requests find what they ask for, on Zipf and on a trace, against lru-cache and a plain W-TinyLFU.',
)

const REQUESTS = short ? 60_000 : 300_000
/** A text file with a request in each line: its key, without spaces. Public ones (of CDNs, of Twitter's caches) are too large to lie here. */
const TRACE = process.argv.find((arg) => arg.startsWith('--trace='))?.slice('--trace='.length) ?? null
const ROUNDS = short ? 3 : 5
/** Sizes of the cache, MiB. */
const SIZES_MIB = short ? [3, 12, 48] : [3, 6, 12, 24, 48]
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

/** CPU nanoseconds for each of `count` operations, a list of rounds; the first, which warms up, is not in it. */
function rounds(count, run) {
  run()
  return Array.from({ length: ROUNDS }, () => {
    const start = cpuNs()
    run()
    return (cpuNs() - start) / count
  })
}

function speed() {
  const store = new SharedStore(createStoreMemory({ sizeBytes: 256 << 20, threads: 6 }), 1)
  const lru = new LRUCache({ max: 100_000 })
  const keys = Array.from(
    { length: 50_000 },
    (_, i) => `GET http://www.example.com:80/some/path/${i}?q=${i % 7}`,
  )
  const body = Buffer.alloc(100, 'x')
  const get = (key) => {
    const entry = store.find(key)
    entry.head()
    entry.read(0)
    entry.touch()
    entry.release()
  }
  const each = (run) =>
    rounds(keys.length, () => {
      for (const key of keys) run(key)
    })
  const ours = 'shared by all threads (headgate)'
  addCosts('Put, 100 B', {
    [ours]: each((key) => store.put(key, HEAD, body)),
    'lru-cache, one thread': each((key) => lru.set(key, body)),
  })
  addCosts('Get (find, head, body, count, release)', {
    [ours]: each(get),
    'the same, a hundred hot keys': rounds(keys.length, () => {
      for (let i = 0; i < keys.length; i += 1) get(keys[i % 100])
    }),
    'find that misses': each((key) => store.find(`${key}x`)),
    'lru-cache, one thread': each((key) => lru.get(key)),
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

/** Shares of requests that find what they ask for, of the three. @param keyOf key of the nth request */
function point(sizeMib, requests, keyOf) {
  const body = Buffer.alloc(700)
  const store = new SharedStore(createStoreMemory({ sizeBytes: sizeMib << 20, threads: 1 }), 0)
  for (let i = 0; i < sizeMib * 2000; i += 1) store.put(`fill ${i}`, HEAD, body)
  const room = store.stats().entries
  store.purgePrefix('', 'hard')
  const lru = new LRUCache({ max: room })
  const lfu = new TinyLfu(room)
  const hits = [0, 0, 0]
  for (let i = 0; i < requests; i += 1) {
    const key = keyOf(i)
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
  const [s3Fifo, lruRatio, tinyLfu] = hits.map((count) => count / requests)
  return { room, s3Fifo, lru: lruRatio, tinyLfu }
}

/** A table of the shares for each size. */
function curve(workload, requests, keyOf) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`
  const rows = SIZES_MIB.map((size) => point(size, requests, keyOf)).map(({ room, s3Fifo, lru, tinyLfu }) => [
    room,
    percent(s3Fifo),
    percent(lru),
    percent(tinyLfu),
  ])
  addTable(`Hits: ${workload}`, ['room for', 'S3-FIFO (headgate)', 'LRU', 'W-TinyLFU'], rows)
}

const OBJECTS = 100_000
speed()
for (const exponent of short ? [0.9] : [0.7, 0.9, 1.1]) {
  // A part is never asked for again: bots, unique queries.
  for (const once of [0, 0.3]) {
    const next = zipf(OBJECTS, exponent)
    const keys = Array.from({ length: REQUESTS }, (_, i) =>
      Math.random() < once ? `once ${i}` : `key ${next()}`,
    )
    const workload = `Zipf ${exponent} over ${OBJECTS} objects${once > 0 ? `, ${once * 100} % asked for once` : ''}`
    curve(workload, REQUESTS, (i) => keys[i])
  }
}
if (TRACE === null)
  addRemark('No real trace was measured: there is none beside this file. Give one with `--trace=FILE`.')
else {
  const keys = readFileSync(TRACE, 'utf8').split('\n').filter(Boolean)
  curve(`trace ${TRACE.split('/').at(-1)}, ${keys.length} requests`, keys.length, (i) => keys[i])
}
