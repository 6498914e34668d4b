import { createInflateRaw, type InflateRaw, inflateRawSync } from 'node:zlib'

/**
 * Behind the payload: what the sender has left out (RFC 7692 §7.2.2), and an empty last block. Only a stream that is whole reaches its
 * end with it; with the first part alone zlib takes what is cut off for complete.
 */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff])
/** Largest payload that is opened at once, and the largest message: 50 µs and at most 0.4 ms, where a stream takes 100 to 200 µs. */
const AT_ONCE_BYTES = 16_384
const AT_ONCE_MESSAGE_BYTES = 65_536
const EMPTY = new Uint8Array(0)

/** How the opening of a whole payload went: `later` means that it is too large to be opened at once. */
export type Inflated = Uint8Array | 'broken' | 'later'

/** Opens the payload of a message if that is a matter of microseconds. */
export function inflateAtOnce(payload: Uint8Array): Inflated {
  if (payload.length === 0) return EMPTY
  if (payload.length > AT_ONCE_BYTES) return 'later'
  try {
    const options = { info: true, maxOutputLength: AT_ONCE_MESSAGE_BYTES }
    // With `info` it returns both, of which the types do not know.
    const { buffer, engine } = inflateRawSync(Buffer.concat([payload, TAIL]), options) as unknown as {
      readonly buffer: Buffer
      readonly engine: InflateRaw
    }
    return isWhole(engine.bytesWritten, payload.length, payload.at(-1) ?? 0) ? buffer : 'broken'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'later' : 'broken'
  }
}

export interface InflateSink {
  /** A piece of the message. */
  onInflated(piece: Uint8Array): void
  /** What was given is used up: more may be given. */
  onHungry(): void
  /** The message is complete. Last event. */
  onWhole(): void
  /** It is no deflate stream. Last event. */
  onBroken(): void
}

/** Opens one message that may be large, piece by piece on libuv's threads. */
export class MessageInflater {
  readonly #sink: InflateSink
  readonly #stream = createInflateRaw({ chunkSize: AT_ONCE_MESSAGE_BYTES })
  #payloadBytes = 0
  #lastByte = 0
  #hasAll = false
  /** The stream has ended, by its own last block perhaps. */
  #hasEnded = false
  #isOver = false

  constructor(sink: InflateSink) {
    this.#sink = sink
    this.#stream.on('data', (piece: Buffer) => {
      if (!this.#isOver) this.#sink.onInflated(piece)
    })
    this.#stream.on('end', () => this.#onEnd())
    this.#stream.on('error', () => this.#over(() => this.#sink.onBroken()))
  }

  /** @param payload must not change until `onHungry`, which does not follow the last piece */
  add(payload: Uint8Array, isLast: boolean): void {
    this.#payloadBytes += payload.length
    this.#lastByte = payload.at(-1) ?? this.#lastByte
    this.#hasAll = isLast
    if (this.#hasEnded) {
      if (isLast) this.#judge()
      else this.#sink.onHungry()
      return
    }
    if (!isLast) this.#stream.write(payload, () => this.#onWritten())
    else if (this.#payloadBytes === 0) this.#over(() => this.#sink.onWhole())
    else {
      if (payload.length > 0) this.#stream.write(payload)
      this.#stream.end(TAIL)
    }
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  /** Nothing is heard of it any more. */
  abort(): void {
    this.#over(() => undefined)
  }

  #onWritten(): void {
    if (!this.#isOver && !this.#hasEnded) this.#sink.onHungry()
  }

  #onEnd(): void {
    if (this.#isOver) return
    this.#hasEnded = true
    if (this.#hasAll) this.#judge()
    else this.#sink.onHungry()
  }

  #judge(): void {
    const isGood = isWhole(this.#stream.bytesWritten, this.#payloadBytes, this.#lastByte)
    this.#over(() => (isGood ? this.#sink.onWhole() : this.#sink.onBroken()))
  }

  #over(tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream.destroy()
    tell()
  }
}

/**
 * Did a stream end where its message does? Either with our last block, or with one of its own; then one byte
 * of zero is left over (RFC 7692 §7.2.3.4).
 */
function isWhole(usedBytes: number, payloadBytes: number, lastByte: number): boolean {
  return usedBytes === payloadBytes + TAIL.length || (usedBytes === payloadBytes - 1 && lastByte === 0)
}
