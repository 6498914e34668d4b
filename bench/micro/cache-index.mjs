import { LRUCache } from 'lru-cache'
import { newCache } from 'transitory'
import { createStoreMemory, SharedStore } from '../../dist/cache/store/index.js'
import { addCosts } from '../lib/compare.mjs'
import { about, addRemark, addTable, short } from '../lib/document.mjs'
import { HEAD, lru, ours, tinyLfu } from '../lib/eviction-peers.mjs'
import { ownTraces, readTrace } from '../lib/traces.mjs'

about(
  'Index of the cache',
  'Nanoseconds for each get and put, and how many requests find what they ask for, on Zipf and on traces of real programs, against lru-cache (LRU) and transitory (W-TinyLFU).',
)

const OBJECTS = 100_000
const REQUESTS = short ? 60_000 : 300_000
/** One more trace: a text file with a request in each line, its key. */
const TRACE = process.argv.find((arg) => arg.startsWith('--trace='))?.slice('--trace='.length) ?? null
const ROUNDS = short ? 3 : 5
const MIB = 1 << 20
/** Sizes of the cache for Zipf, bytes. */
const SIZES = (short ? [3, 12, 48] : [3, 6, 12, 24, 48]).map((mib) => mib * MIB)
const BODY = Buffer.alloc(700)
/** Shares of the objects of a trace for which there is to be room. */
const TRACE_SHARES = short ? [0.02, 0.1, 0.3] : [0.02, 0.05, 0.1, 0.2, 0.3, 0.5]

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

const OURS = 'shared by all threads (headgate)'
const LRU = 'lru-cache, one thread'
const TINY_LFU = 'transitory, one thread'

function speed() {
  const store = new SharedStore(createStoreMemory({ sizeBytes: 256 << 20, threads: 6 }), 1)
  const lruCache = new LRUCache({ max: 100_000 })
  const tinyLfuCache = newCache().maxSize(100_000).build()
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
  addCosts('Put, 100 B', {
    [OURS]: each((key) => store.put(key, HEAD, body)),
    [LRU]: each((key) => lruCache.set(key, body)),
    [TINY_LFU]: each((key) => tinyLfuCache.set(key, body)),
  })
  addCosts('Get (find, head, body, count, release)', {
    [OURS]: each(get),
    'the same, a hundred hot keys': rounds(keys.length, () => {
      for (let i = 0; i < keys.length; i += 1) get(keys[i % 100])
    }),
    'find that misses': each((key) => store.find(`${key}x`)),
    [LRU]: each((key) => lruCache.get(key)),
    [TINY_LFU]: each((key) => tinyLfuCache.getIfPresent(key)),
  })
  tinyLfuCache.clear()
}

/** What a request costs in a cache that is full: a look, and for each miss a put that evicts. */
function speedWhenFull() {
  const mine = ours(6 * MIB, BODY)
  const theirs = tinyLfu(mine.room, false)
  const next = zipf(OBJECTS, 0.9)
  const keys = Array.from({ length: REQUESTS }, () => `key ${next()}`)
  const each = ({ request }) =>
    rounds(keys.length, () => {
      for (const key of keys) request(key)
    })
  addCosts(`Request to a full cache, room for ${mine.room}, Zipf 0.9 over ${OBJECTS} objects`, {
    [OURS]: each(mine),
    [LRU]: each(lru(mine.room)),
    [TINY_LFU]: each(theirs),
  })
  theirs.end()
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

/** Shares of requests that find what they ask for: a row of the table. */
function point(sizeBytes, body, keys) {
  const mine = ours(sizeBytes, body)
  const theirs = tinyLfu(mine.room, true)
  const hits = [mine, lru(mine.room), theirs].map(({ request }) => {
    let found = 0
    for (const key of keys) if (request(key)) found += 1
    return `${((100 * found) / keys.length).toFixed(1)} %`
  })
  theirs.end()
  return [mine.room, ...hits]
}

/** @param rows of {@link point} */
function addCurve(workload, rows) {
  addTable(`Hits: ${workload}`, ['room for', 'S3-FIFO (headgate)', 'LRU', 'W-TinyLFU'], rows)
}

function addTrace(name, file) {
  const keys = readTrace(file).map((key) => `key ${key}`)
  const objects = new Set(keys).size
  const rows = TRACE_SHARES.map((share) => {
    // A cache of entries a good deal larger than its rows, so that it is memory that runs out; and smaller than what it takes for large.
    const room = share * objects
    const sizeBytes = Math.max(4 * MIB, 4000 * room)
    return point(sizeBytes, Buffer.alloc(Math.floor((0.93 * sizeBytes) / room) - 250), keys)
  })
  addCurve(`trace ${name}, ${keys.length} requests for ${objects} objects`, rows)
}

speed()
speedWhenFull()
for (const exponent of short ? [0.9] : [0.7, 0.9, 1.1]) {
  // A part is never asked for again: bots, unique queries.
  for (const once of [0, 0.3]) {
    const next = zipf(OBJECTS, exponent)
    const keys = Array.from({ length: REQUESTS }, (_, i) =>
      Math.random() < once ? `once ${i}` : `key ${next()}`,
    )
    addCurve(
      `Zipf ${exponent} over ${OBJECTS} objects${once > 0 ? `, ${once * 100} % asked for once` : ''}`,
      SIZES.map((size) => point(size, BODY, keys)),
    )
  }
}
for (const { name, file } of ownTraces()) addTrace(name, file)
addRemark(
  'Traces: `bench/data/traces`. W-TinyLFU is told to evict after each put, so that it never holds more than its room; its nanoseconds are without that. Room for the same number of entries in all three; S3-FIFO (headgate) counts bytes.',
)
addRemark(
  'S3-FIFO (headgate) finds what an exact simulation of S3-FIFO finds, to a tenth of a point (on `sprite` to 0.2, at 2 % of the objects to 1.3). LRU is ahead of it on `sprite` by up to a point, because there what was asked for last is what is asked for next, and S3-FIFO keeps a tenth of its room for what is new. A fifth would take a third of that back and lose up to two points on `multi3`; a longer memory of what left, and another count of uses, gain nothing on `sprite` from a tenth of the objects on. Where programs go round in loops somewhat larger than the room (`multi3` from 17 % on) W-TinyLFU, which admits by frequency, is ahead by 3 to 6 points: queues in the order of arrival cannot tell who of a loop should stay.',
)
if (TRACE !== null) addTrace(TRACE.split('/').at(-1), TRACE)
