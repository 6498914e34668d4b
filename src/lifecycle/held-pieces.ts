import type { ResponseSource } from './response-pipe-types.js'

/** Where pieces of an answer go. */
export interface PieceSink {
  chunk(bytes: Uint8Array): void
  end(trailerBlock: string): void
}

/** Pieces of an answer of which it is not decided yet what becomes of them; their source waits. */
export class HeldPieces implements PieceSink {
  readonly #source: ResponseSource
  readonly #pieces: Uint8Array[] = []
  #trailers: string | null = null

  constructor(source: ResponseSource) {
    this.#source = source
  }

  chunk(bytes: Uint8Array): void {
    this.#pieces.push(new Uint8Array(bytes))
    this.#source.pause()
  }

  end(trailerBlock: string): void {
    this.#trailers = trailerBlock
  }

  /** All goes on to `to`, and so does what comes. */
  release(to: PieceSink): void {
    for (const bytes of this.#pieces) to.chunk(bytes)
    if (this.#trailers !== null) to.end(this.#trailers)
    else if (this.#pieces.length > 0) this.#source.resume()
  }
}
