import { randomInt } from 'node:crypto'
import { type HashWords, keyedHash } from './keyed-hash.js'

/** Words of 64 bits before the entries: the secret of the hash. */
const HEAD_WORDS = 8
/** An entry: key and theoretical arrival time. */
const ENTRY_WORDS = 2
/** Entries that a key may lie in. */
const WAYS = 8
/** Keys that are remembered at the same time: 1 MiB. Beyond it the one that is nearest to its full allowance is forgotten. */
const ENTRIES = 65_536

/** What became of one request. */
export interface GcraResult {
  readonly allowed: boolean
  /** Time until the key has its full allowance again, µs. */
  readonly aheadUs: number
}

/**
 * Rate limits by the generic cell rate algorithm (ITU-T I.371), for all threads: of each key nothing but its theoretical arrival time, in
 * shared memory, changed by compare and exchange, so that no two workers give the same request away. Lies on no request that has no limit.
 */
export class GcraTable {
  readonly buffer: SharedArrayBuffer
  readonly #words: BigInt64Array
  readonly #secretA: number
  readonly #secretB: number
  readonly #found: HashWords = { a: 0, b: 0 }

  /** @param buffer of a table that another thread has made */
  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer((HEAD_WORDS + ENTRIES * ENTRY_WORDS) * 8)
    this.#words = new BigInt64Array(this.buffer)
    const secret = new Int32Array(this.buffer, 0, 2)
    if (buffer === undefined) for (const at of [0, 1]) secret[at] = randomInt(2 ** 32)
    this.#secretA = secret[0] ?? 0
    this.#secretB = secret[1] ?? 0
  }

  /**
   * Takes one request from the allowance of a key, if there is one left.
   * @param intervalUs between two requests at the rate, µs
   * @param toleranceUs how far ahead of its rate the key may be, µs: `intervalUs` times the burst
   * @param nowUs whole µs of a clock that all threads share
   */
  take(key: string, intervalUs: number, toleranceUs: number, nowUs: number): GcraResult {
    const hash = this.#hash(key)
    for (;;) {
      const at = this.#entryOf(hash, nowUs)
      const before = Atomics.load(this.#words, at + 1)
      const aheadUs = Math.max(0, Number(before) - nowUs)
      if (aheadUs + intervalUs > toleranceUs) return { allowed: false, aheadUs }
      const after = BigInt(Math.round(nowUs + aheadUs + intervalUs))
      if (Atomics.compareExchange(this.#words, at + 1, before, after) === before)
        return { allowed: true, aheadUs: aheadUs + intervalUs }
    }
  }

  /** Word of the key's entry, made where there is none: an empty one, one with its full allowance, or the nearest to it. */
  #entryOf(hash: bigint, nowUs: number): number {
    const set = Number(BigInt.asUintN(32, hash) % BigInt(ENTRIES / WAYS))
    const first = HEAD_WORDS + set * WAYS * ENTRY_WORDS
    let oldest = first
    let oldestTime = Number.POSITIVE_INFINITY
    for (let way = 0; way < WAYS; way += 1) {
      const at = first + way * ENTRY_WORDS
      const key = Atomics.load(this.#words, at)
      if (key === hash) return at
      const time = key === 0n ? -1 : Number(Atomics.load(this.#words, at + 1))
      if (time >= oldestTime) continue
      oldest = at
      oldestTime = time
    }
    const owner = Atomics.load(this.#words, oldest)
    // Of two that want it, one finds the other's key there and looks again.
    if (Atomics.compareExchange(this.#words, oldest, owner, hash) !== owner) return this.#entryOf(hash, nowUs)
    Atomics.store(this.#words, oldest + 1, BigInt(nowUs))
    return oldest
  }

  /** 62 bits, never 0. They stand for the key: two keys with the same would share an allowance. */
  #hash(key: string): bigint {
    keyedHash(key, this.#secretA, this.#secretB, this.#found)
    const { a, b } = this.#found
    return (BigInt(a & 0x7fffffff) << 32n) | BigInt((b | 1) >>> 0)
  }
}
