/** What reads bytes, and may have to stop in the middle of them. */
export interface PieceReader {
  /** It takes no more for now. */
  readonly isHeld: boolean
  /** @param piece valid only during the call. @returns how many bytes were read: all, unless it is held */
  read(piece: Uint8Array): number
}

/** Brings pieces to a reader in their order, and keeps them while it is held. */
export class PieceFeed {
  readonly #reader: PieceReader
  readonly #waiting: Uint8Array[] = []
  #isRunning = false

  constructor(reader: PieceReader) {
    this.#reader = reader
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** @param piece valid only during the call */
  add(piece: Uint8Array): void {
    if (this.#isRunning || this.#reader.isHeld || this.#waiting.length > 0) {
      this.#waiting.push(new Uint8Array(piece))
      return
    }
    this.#isRunning = true
    const used = this.#reader.read(piece)
    this.#isRunning = false
    if (used < piece.length) this.#waiting.push(new Uint8Array(piece.subarray(used)))
  }

  /** Goes on, after the reader was held. @returns whether nothing is left */
  go(): boolean {
    if (this.#isRunning) return false
    this.#isRunning = true
    while (!this.#reader.isHeld) {
      const piece = this.#waiting[0]
      if (piece === undefined) break
      const used = this.#reader.read(piece)
      if (used < piece.length) this.#waiting[0] = piece.subarray(used)
      else this.#waiting.shift()
    }
    this.#isRunning = false
    return this.#waiting.length === 0
  }

  clear(): void {
    this.#waiting.length = 0
  }
}
