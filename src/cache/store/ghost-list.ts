import { type StoreLayout, TOP } from './layout.js'

const WAYS = 4

/**
 * Hashes of what was evicted on probation lately: what comes back soon skips it. Sets of four in which the oldest gives way; how long one is remembered is
 * counted in evictions (S3-FIFO: as many as there are entries).
 */
export class GhostList {
  readonly #words: Int32Array
  readonly #at: number
  readonly #mask: number

  constructor(words: Int32Array, layout: StoreLayout) {
    this.#words = words
    this.#at = layout.ghosts
    // Rows are pairs of words: a quarter as many sets.
    this.#mask = (layout.ghostMask >>> 2) << 2
  }

  add(hashA: number, hashB: number): void {
    const words = this.#words
    const sequence = ((words[TOP.ghostSequence] ?? 0) + 1) | 0
    words[TOP.ghostSequence] = sequence
    const set = this.#set(hashA)
    let oldest = set
    for (let row = set; row < set + WAYS * 2; row += 2) {
      if (words[row] === hashB || words[row] === 0) {
        oldest = row
        break
      }
      // The counter may run over.
      if ((((words[row + 1] ?? 0) - (words[oldest + 1] ?? 0)) | 0) < 0) oldest = row
    }
    words[oldest] = hashB
    words[oldest + 1] = sequence
  }

  /** Forgets it where it was one. @param within the last so many evictions count */
  take(hashA: number, hashB: number, within: number): boolean {
    const words = this.#words
    const set = this.#set(hashA)
    for (let row = set; row < set + WAYS * 2; row += 2) {
      if (words[row] !== hashB || hashB === 0) continue
      words[row] = 0
      return (((words[TOP.ghostSequence] ?? 0) - (words[row + 1] ?? 0)) | 0) < within
    }
    return false
  }

  #set(hashA: number): number {
    return this.#at + (((hashA >>> 4) * WAYS) & this.#mask) * 2
  }
}
