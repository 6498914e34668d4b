import { copyOutOfShared, giveSlab, takeSlab } from '../memory/index.js'

/** A body of known length on its way into one piece of memory that is used again when the session is over. */
export class GatheredBytes {
  readonly #slab: Buffer
  #length = 0

  /** @returns null: of that length it is not worth it */
  static of(length: number): GatheredBytes | null {
    const slab = takeSlab(length)
    return slab === null ? null : new GatheredBytes(slab)
  }

  private constructor(slab: Buffer) {
    this.#slab = slab
  }

  /** @returns all that has come so far; valid until `release` */
  add(chunk: Uint8Array): Uint8Array {
    copyOutOfShared(this.#slab, this.#length, chunk)
    this.#length += chunk.length
    return this.#slab.subarray(0, this.#length)
  }

  release(): void {
    giveSlab(this.#slab)
  }
}
