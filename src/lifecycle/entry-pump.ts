import type { Piece } from '../cache/rules/index.js'
import type { StoredEntry } from '../cache/store/index.js'
import type { ResponseSource } from './response-pipe-types.js'

/** Where the bytes of an entry go. */
export interface PumpSink {
  /** Valid only during the call; may lie in shared memory. */
  chunk(bytes: Uint8Array): void
  end(): void
  /** The entry will never be whole. */
  broken(): void
  /** The store takes no more of it, though the answer goes on: from now on the pump is fed as if it were `live`. Absent: it is as good as broken. */
  dropped?(): void
  /** The client takes more again, and what was there has been sent. */
  pumped?(): void
}

/**
 * Brings pieces of a stored body to a client as fast as it takes them, also while the body is being filled. The fill never waits for it.
 * With `live` it belongs to the one who fills: it is told by `poke`, `overflow` and `finish` what the entry's state would tell others.
 */
export class EntryPump implements ResponseSource {
  readonly #entry: StoredEntry
  readonly #pieces: readonly Piece[]
  readonly #sink: PumpSink
  #isLive: boolean
  /** What came after the entry could not be filled any further. */
  readonly #tail: Uint8Array[] = []
  /** Where in the body the first of it begins. */
  #tailAt = 0
  #piece = 0
  /** Of the current piece, where it is a range. */
  #at = -1
  #paused = false
  #busy = false
  #finished = false
  #closed = false
  #cancel: (() => void) | null = null

  /** @param entry held; `close` releases it */
  constructor(entry: StoredEntry, pieces: readonly Piece[], sink: PumpSink, isLive = false) {
    this.#entry = entry
    this.#pieces = pieces
    this.#sink = sink
    this.#isLive = isLive
  }

  /** Nobody gets anything of it any more. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** It has more than its client takes at the moment. */
  get lags(): boolean {
    return this.#paused || this.#tail.length > 0
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.poke()
    this.#sink.pumped?.()
  }

  /** There may be more: goes on. */
  poke(): void {
    if (this.#busy) return
    this.#busy = true
    try {
      while (!this.#paused && !this.#closed && this.#step()) {}
    } finally {
      this.#busy = false
    }
  }

  /** A piece that the entry has no room for; the bytes are kept. */
  overflow(bytes: Uint8Array): void {
    if (this.#closed) return
    if (this.#tailAt === 0) this.#tailAt = this.#entry.bodyBytes
    this.#tail.push(new Uint8Array(bytes))
    this.poke()
  }

  /** All of the body has come. */
  finish(): void {
    this.#finished = true
    this.poke()
  }

  /** Nothing is sent from now on. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#cancel?.()
    this.#tail.length = 0
    this.#entry.release()
  }

  /** @returns whether there may be more at once */
  #step(): boolean {
    const piece = this.#pieces[this.#piece]
    if (piece === undefined) {
      this.close()
      this.#sink.end()
      return false
    }
    if (piece instanceof Uint8Array) {
      this.#piece += 1
      this.#sink.chunk(piece)
      return true
    }
    if (this.#at < 0) this.#at = piece.first
    if (this.#at > piece.last) return this.#next()
    const left = piece.last - this.#at + 1
    const bytes =
      left === Number.POSITIVE_INFINITY ? this.#entry.read(this.#at) : this.#entry.read(this.#at, left)
    if (bytes === null || bytes.length === 0) return this.#atEnd(piece.last)
    this.#at += bytes.length
    this.#sink.chunk(bytes)
    return true
  }

  #next(): boolean {
    this.#piece += 1
    this.#at = -1
    return true
  }

  /** All that there is at the moment has been sent. */
  #atEnd(last: number): boolean {
    if (this.#tail.length > 0) return this.#fromTail(last)
    const { state } = this.#entry
    if (this.#isLive ? this.#finished : state === 'complete') {
      // It may have been completed between the two looks.
      if (!this.#isLive && this.#at < this.#entry.bodyBytes) return true
      if (last === Number.POSITIVE_INFINITY) return this.#next()
      this.#break()
    } else if (this.#isLive) return false
    else if (state === 'aborted') this.#break()
    else if (state === 'dropped') this.#drop()
    else {
      this.#cancel?.()
      this.#cancel = this.#entry.whenMore(this.#at, () => {
        this.#cancel = null
        this.poke()
      })
    }
    return false
  }

  /** The entry has ended too early, and it goes on with what did not fit. */
  #fromTail(last: number): boolean {
    const piece = this.#tail[0]
    const from = this.#at - this.#tailAt
    if (piece === undefined || from < 0) {
      // It was sent already, for another range.
      this.#break()
      return false
    }
    if (from < piece.length) {
      const to = Math.min(piece.length, last - this.#tailAt + 1)
      this.#at = this.#tailAt + to
      this.#sink.chunk(piece.subarray(from, to))
    }
    if (this.#at >= this.#tailAt + piece.length) {
      this.#tail.shift()
      this.#tailAt += piece.length
    }
    return true
  }

  #drop(): void {
    this.#isLive = true
    if (this.#sink.dropped === undefined) this.#break()
    else this.#sink.dropped()
  }

  #break(): void {
    this.close()
    this.#sink.broken()
  }
}
