import { randomFillSync } from 'node:crypto'
import { createBells } from '../../memory/index.js'
import type { StoreMemory, StorePlan } from './types.js'

/** Smallest block that is given out, bytes; blocks are powers of two of it. */
export const UNIT_BYTES = 256
/** Orders of blocks: 256 bytes to 64 KiB. */
export const TOP_ORDER = 8
export const TOP_UNITS = 1 << TOP_ORDER
/** Word in front of what a block holds: the address of the next block of its chain. */
export const LINK_BYTES = 4
/** Units of one slab buffer: 1 GiB. Typed arrays longer than that are slower, and not all platforms have them. */
export const SLAB_SHIFT = 22
/** Longest key, bytes. */
export const MAX_KEY_BYTES = 32 * 1024

/** Words at the beginning of the tables. */
export const TOP = {
  /** Of a ShortLock: two words. */
  lock: 0,
  freeEntry: 2,
  /** Entries that were ever used: none with a higher number needs to be looked at. */
  highest: 3,
  freeUnits: 4,
  /** From this unit on, memory that was never given out. */
  freshUnits: 9,
  /** 1 while the index is made anew: whoever can do without a change does not wait for it. */
  mending: 10,
  rebuilds: 5,
  ghostSequence: 6,
  seedA: 7,
  seedB: 8,
  /** Four words for each queue, see QUEUE. */
  queues: 16,
  /** First free block of each order. */
  freeBlocks: 40,
  /** Double: since then, ms, everything may have been meant by a purge. */
  broadPurge: 50,
} as const

export const TOP_WORDS = 64

/** Queues that entries can be in; each has first, last, count and units. */
export const QUEUE = {
  none: 0,
  /** Probation of the S3-FIFO, and that of large entries, which would flush it. */
  small: 1,
  large: 2,
  main: 3,
  /** Being made. */
  filling: 4,
  /** Removed, and still read by somebody. */
  lingering: 5,
} as const

export const QUEUE_WORDS = 4

/** Words of an entry. */
export const ENTRY = {
  /** Odd while it lives. */
  generation: 0,
  state: 1,
  hashA: 2,
  hashB: 3,
  /** Next in the same bucket. */
  next: 4,
  linked: 5,
  before: 6,
  after: 7,
  queue: 8,
  /** Uses since it came into its queue, up to 3. Counted without a lock: one that is lost does no harm. */
  frequency: 9,
  keyBytes: 10,
  tags: 11,
  metaBytes: 12,
  /** Odd while the head is being changed. */
  headVersion: 13,
  headFirst: 14,
  headLast: 15,
  bodyFirst: 16,
  bodyLast: 17,
  /** Bytes of body that may be read. */
  bodyBytes: 18,
  /** -1: unknown. */
  totalBytes: 19,
  units: 20,
  /** Number of the thread that fills it, plus one. */
  owner: 21,
  /** Bits of the threads that wait for more of it. */
  waiters: 22,
  status: 23,
  flags: 24,
  vary: 25,
  /** Room of all blocks of the body, bytes. */
  bodyRoom: 26,
  /** Purged while it was being made. */
  doomed: 27,
  /** Six doubles in the order of TIMES. */
  times: 28,
} as const

export const ENTRY_WORDS = 40

export const STATE = { free: 0, filling: 1, complete: 2, aborted: 3, dropped: 4 } as const

/** What each thread counts, doubles. */
export const COUNTS = ['hits', 'misses', 'stored', 'aborted', 'evictions', 'purged', 'refused'] as const
export type Count = (typeof COUNTS)[number]
export const COUNT_WORDS = 16

/** Keys whose purge is remembered, for what was asked for before it. */
export const PURGE_ROWS = 1024

/** Where things lie in the tables, in units of their arrays. */
export interface StoreLayout {
  readonly threads: number
  readonly entries: number
  /** Words. */
  readonly counts: number
  readonly buckets: number
  readonly bucketMask: number
  readonly entriesAt: number
  readonly ghosts: number
  readonly ghostMask: number
  readonly purges: number
  /** 16-bit words: a column of `entries + 1` for each thread. */
  readonly pins: number
  readonly pinStride: number
  /** Bytes: what each unit begins. */
  readonly marks: number
  readonly units: number
  readonly bytes: number
}

const MIN_BYTES = 1024 * 1024
/** Memory per entry that there is a row for. Where entries are smaller on average it is their number that is bounded. */
const BYTES_PER_ENTRY = 2048

/** @throws RangeError on a plan that no store can be made of */
export function layoutOf({ sizeBytes, threads }: StorePlan): StoreLayout {
  if (!(sizeBytes >= MIN_BYTES)) throw new RangeError('a cache has at least 1 MiB')
  if (!(threads >= 1 && threads <= 255)) throw new RangeError('a cache has 1 to 255 threads')
  const entries = Math.min(1 << 22, Math.floor(sizeBytes / BYTES_PER_ENTRY))
  const rows = entries + 1
  const powerOfTwo = 1 << Math.ceil(Math.log2(entries))
  const counts = TOP_WORDS
  const buckets = counts + threads * COUNT_WORDS
  const entriesAt = align(buckets + powerOfTwo)
  const ghosts = align(entriesAt + rows * ENTRY_WORDS)
  const purges = align(ghosts + powerOfTwo * 2)
  const pins = (purges + PURGE_ROWS * 4) * 2
  const pinStride = Math.ceil(rows / 32) * 32
  const marks = (pins + threads * pinStride) * 2
  // What the tables leave, in whole largest blocks.
  const perTop = TOP_UNITS * (UNIT_BYTES + 1)
  const tops = Math.max(1, Math.floor((sizeBytes - marks) / perTop))
  const units = tops * TOP_UNITS
  return {
    threads,
    entries,
    counts,
    buckets,
    bucketMask: powerOfTwo - 1,
    entriesAt,
    ghosts,
    ghostMask: powerOfTwo - 1,
    purges,
    pins,
    pinStride,
    marks,
    units,
    bytes: marks + units,
  }
}

/** Whole cache lines. */
function align(words: number): number {
  return Math.ceil(words / 16) * 16
}

/** Makes the memory of a store. Pages that nothing is written to take no memory. */
export function createStoreMemory(plan: StorePlan): StoreMemory {
  const layout = layoutOf(plan)
  const { units } = layout
  const slabs: SharedArrayBuffer[] = []
  for (let left = units; left > 0; left -= 1 << SLAB_SHIFT)
    slabs.push(new SharedArrayBuffer(Math.min(left, 1 << SLAB_SHIFT) * UNIT_BYTES))
  const tables = new SharedArrayBuffer(layout.bytes)
  const seeds = new Int32Array(2)
  randomFillSync(seeds)
  const words = new Int32Array(tables)
  words.set(seeds, TOP.seedA)
  words[TOP.freeUnits] = units
  const { sizeBytes, threads } = plan
  const quarter = Math.floor((units * UNIT_BYTES) / 4)
  const maxEntryBytes = Math.min(plan.maxEntryBytes ?? quarter, quarter)
  const memory = { plan: { sizeBytes, threads, maxEntryBytes }, tables, slabs, bells: createBells(threads) }
  return memory
}
