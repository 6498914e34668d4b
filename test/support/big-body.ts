import { createHash, type Hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Writable } from 'node:stream'

const PIECE_BYTES = 64 * 1024
const NOISE = randomBytes(PIECE_BYTES)

/** Pieces of a large body; no two are alike, so that one lost, repeated or out of place changes the digest. */
export function* pieces(totalBytes: number): Generator<Buffer> {
  for (let at = 0; at < totalBytes; at += PIECE_BYTES) {
    const piece = Buffer.from(NOISE.subarray(0, Math.min(PIECE_BYTES, totalBytes - at)))
    if (piece.length >= 8) piece.writeDoubleLE(at, 0)
    yield piece
  }
}

/** How far a transfer has come at one of its ends. */
export class Progress {
  bytes = 0
  readonly #hash: Hash = createHash('sha256')

  take(chunk: Uint8Array): void {
    this.bytes += chunk.length
    this.#hash.update(chunk)
  }

  /** Only once, at the end. */
  sha256(): string {
    return this.#hash.digest('hex')
  }
}

/** Writes a large body as fast as `sink` takes it. Resolves when all of it was handed over, or the sink has gone. */
export async function pour(totalBytes: number, sink: Writable, sent: Progress): Promise<void> {
  for (const piece of pieces(totalBytes)) {
    if (sink.destroyed) return
    sent.take(piece)
    if (sink.write(piece)) continue
    const gone = new AbortController()
    const onClose = (): void => gone.abort()
    sink.once('close', onClose)
    await once(sink, 'drain', { signal: gone.signal }).catch(() => undefined)
    sink.off('close', onClose)
  }
}

/** A reader that stops again and again until the sender has come to a standstill. */
export interface SlowReading {
  /** Bytes between two stops. */
  readonly sliceBytes: number
  readonly sent: Progress
  readonly received: Progress
  /** Any further number that must have come to rest at a stop. */
  pending(): number
  /** Called at each stop with what is under way between sender and reader, in bytes. */
  onStop(underWayBytes: number): void
}

/** Reads all of `source`, slowly. */
export async function readSlowly(source: AsyncIterable<Buffer>, reading: SlowReading): Promise<void> {
  const { sliceBytes, sent, received } = reading
  let stopAt = sliceBytes
  for await (const chunk of source) {
    received.take(chunk)
    if (received.bytes < stopAt) continue
    stopAt += sliceBytes
    await standstill(() => `${sent.bytes} ${reading.pending()}`)
    reading.onStop(sent.bytes - received.bytes)
  }
}

const LOOK_MS = 15
const SAME_LOOKS = 3

/** Waits until nothing changes any more. */
async function standstill(read: () => string): Promise<void> {
  let last = read()
  let same = 0
  while (same < SAME_LOOKS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const value = read()
    same = value === last ? same + 1 : 0
    last = value
  }
}

/** Watches the memory of a process until stopped. */
export function watchMemory(rssBytes: () => number | null): { stop(): number | null } {
  let most = rssBytes()
  const timer = setInterval(() => {
    const now = rssBytes()
    if (now !== null && most !== null) most = Math.max(most, now)
  }, LOOK_MS)
  return {
    /** @returns the most that was seen, in bytes; null where it cannot be seen */
    stop() {
      clearInterval(timer)
      return most
    },
  }
}
