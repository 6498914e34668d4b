import { METHOD_LABELS, type MethodLabel, methodIndex } from '../session/method-labels.js'
import { BUCKET_BOUNDS_S } from './bucket-bounds.js'

/**
 * Statuses that have a label of their own: those that are registered (RFC 9110 §15 and its registry), and 499 for a client that left. The others, and no answer at
 * all, share one.
 */
const CODES: readonly number[] = [
  100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306,
  307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418,
  421, 422, 423, 424, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510,
  511,
]
const OTHER_CODE = CODES.length
const CODE_COUNT = CODES.length + 1
const CODE_INDEX = new Uint8Array(600).fill(OTHER_CODE)
for (const [index, code] of CODES.entries()) CODE_INDEX[code] = index

const BOUNDS_US = Float64Array.from(BUCKET_BOUNDS_S, (boundS) => boundS * 1e6)
const BUCKETS = BOUNDS_US.length + 1
const LAST_BOUND_US = BOUNDS_US[BOUNDS_US.length - 1] ?? 0
/** By the number of binary digits of a value: the first bucket that it may be in, few steps from where it is. */
const FIRST_BUCKET = Uint8Array.from({ length: 33 }, (_, digits) => {
  const leastUs = digits === 0 ? 0 : 2 ** (digits - 1)
  const found = BOUNDS_US.findIndex((boundUs) => boundUs >= leastUs)
  return found < 0 ? BOUNDS_US.length : found
})
/** Of one method and status: what lies between the bounds and beyond the last, and the sum in µs. */
const CELLS = BUCKETS + 1
const SUM = BUCKETS

/** Doubles that a block has room for: durations by method and status. Pages of what never occurs are never written, so they take no memory. */
export const ANSWER_BLOCK_CELLS = METHOD_LABELS.length * CODE_COUNT * CELLS

/**
 * Adds one duration; allocates nothing, and touches two doubles.
 * @param base where the block begins. @param status what has no label, 0 too, counts as other
 */
export function addAnswer(
  cells: Float64Array,
  base: number,
  method: string,
  status: number,
  valueMs: number,
): void {
  const valueUs = valueMs > 0 ? valueMs * 1000 : 0
  const code = CODE_INDEX[status] ?? OTHER_CODE
  const at = base + (methodIndex(method) * CODE_COUNT + code) * CELLS
  let bucket = BOUNDS_US.length
  if (valueUs <= LAST_BOUND_US) {
    bucket = FIRST_BUCKET[32 - Math.clz32(valueUs)] ?? 0
    while (valueUs > (BOUNDS_US[bucket] ?? 0)) bucket += 1
  }
  cells[at + bucket] = (cells[at + bucket] ?? 0) + 1
  cells[at + SUM] = (cells[at + SUM] ?? 0) + valueUs
}

/** Durations of one method and status. */
export interface AnswerBuckets {
  readonly method: MethodLabel
  /** Null: another than those with a label, or there was no answer. */
  readonly status: number | null
  /** Between the bounds of `BUCKET_BOUNDS_S`, and beyond the last: not cumulative. */
  readonly counts: readonly number[]
  readonly count: number
  readonly sumS: number
}

/** Sums of blocks, by method and status. */
export class AnswerSums {
  readonly #sums = new Map<number, Float64Array>()

  /** Adds what a block has. */
  addBlock(cells: Float64Array, base: number): void {
    for (let key = 0; key < METHOD_LABELS.length * CODE_COUNT; key += 1) {
      const at = base + key * CELLS
      let isEmpty = true
      for (let cell = 0; cell < BUCKETS && isEmpty; cell += 1) isEmpty = (cells[at + cell] ?? 0) === 0
      if (!isEmpty) this.#add(key, cells.subarray(at, at + CELLS))
    }
  }

  addAll(other: AnswerSums): void {
    for (const [key, cells] of other.#sums) this.#add(key, cells)
  }

  all(): AnswerBuckets[] {
    return [...this.#sums].map(([key, cells]) => {
      const counts = [...cells.subarray(0, BUCKETS)]
      return {
        method: METHOD_LABELS[Math.floor(key / CODE_COUNT)] ?? '_OTHER',
        status: CODES[key % CODE_COUNT] ?? null,
        counts,
        count: counts.reduce((sum, count) => sum + count, 0),
        sumS: (cells[SUM] ?? 0) / 1e6,
      }
    })
  }

  #add(key: number, cells: Float64Array): void {
    const sums = this.#sums.get(key) ?? new Float64Array(CELLS)
    this.#sums.set(key, sums)
    for (let cell = 0; cell < CELLS; cell += 1) sums[cell] = (sums[cell] ?? 0) + (cells[cell] ?? 0)
  }
}
