import { createRingBuffer, Mailbox, type MailboxHandler, RingReader, RingWriter } from '#src/mailbox/index.js'
import { ASLEEP } from '#src/mailbox/ring-layout.js'

/** One received frame, copied out of the ring. */
export interface Received {
  readonly kind: number
  readonly slot: number
  readonly generation: number
  readonly a: number
  readonly b: number
  readonly payload: Buffer
}

/** A handler that keeps what it gets and counts its calls. */
export class RecordingHandler implements MailboxHandler {
  readonly frames: Received[] = []
  readonly errors: Error[] = []
  rooms = 0
  flushes = 0
  /** Called with every frame, after it was recorded. */
  also: (frame: RingReader) => void = () => undefined
  alsoOnRoom: () => void = () => undefined
  alsoBeforeFlush: () => void = () => undefined

  onFrame(frame: RingReader): void {
    const { kind, slot, generation, a, b, offset, length } = frame
    const payload = Buffer.from(frame.bytes.subarray(offset, offset + length))
    this.frames.push({ kind, slot, generation, a, b, payload })
    this.also(frame)
  }

  onRoom(): void {
    this.rooms += 1
    this.alsoOnRoom()
  }

  beforeFlush(): void {
    this.flushes += 1
    this.alsoBeforeFlush()
  }

  onCorrupt(error: Error): void {
    this.errors.push(error)
  }
}

export interface End {
  readonly mailbox: Mailbox
  readonly handler: RecordingHandler
  /** The ring that this end reads. */
  readonly inbound: SharedArrayBuffer
  /** How often this end's bell was rung. */
  rung: number
  /** Called when this end's bell is rung; does nothing at first, so that a test decides when somebody wakes. */
  onBell: () => void
  /** The consumer has said that it sleeps. */
  readonly asleep: boolean
}

/** Two mailboxes over a pair of rings, as acceptor and worker have them, in one thread. */
export function mailboxPair(aToB = 4096, bToA = aToB): { a: End; b: End } {
  const toB = createRingBuffer(aToB)
  const toA = createRingBuffer(bToA)
  const create = (out: SharedArrayBuffer, inbound: SharedArrayBuffer, ring: () => void): End => {
    const handler = new RecordingHandler()
    const control = new Int32Array(inbound)
    return {
      mailbox: new Mailbox(new RingWriter(out), new RingReader(inbound), ring, handler),
      handler,
      inbound,
      rung: 0,
      onBell: () => undefined,
      get asleep() {
        return control[ASLEEP] === 1
      },
    }
  }
  const ringFor = (end: () => End) => (): void => {
    end().rung += 1
    end().onBell()
  }
  const a: End = create(
    toB,
    toA,
    ringFor(() => b),
  )
  const b: End = create(
    toA,
    toB,
    ringFor(() => a),
  )
  return { a, b }
}

/** The rest of this loop turn: what was put off with `setImmediate` so far has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Lets an end read until it sleeps. */
export async function settle(end: End): Promise<void> {
  end.mailbox.wake()
  while (!end.asleep && !end.mailbox.closed) await turn()
}

/** Writes a frame whose payload says its number. */
export function post(mailbox: Mailbox, sequence: number, sizeBytes = 8): void {
  const at = mailbox.reserve(1 + (sequence % 9), sequence, ~sequence, sizeBytes, sequence)
  mailbox.target.fill(sequence & 0xff, at, at + sizeBytes)
}

/** What is wrong with the frames that {@link post} wrote; null when they are all there, in order and whole. */
export function wrongWith(frames: readonly Received[], sizes: readonly number[]): string | null {
  if (frames.length !== sizes.length) return `${frames.length} frames instead of ${sizes.length}`
  for (const [i, frame] of frames.entries()) {
    if (frame.slot !== i || frame.generation !== ~i || frame.a !== i || frame.kind !== 1 + (i % 9))
      return `frame ${frame.slot} in place ${i}`
    if (frame.payload.length !== sizes[i]) return `frame ${i} has ${frame.payload.length} bytes`
    if (frame.payload.some((byte) => byte !== (i & 0xff))) return `frame ${i} is damaged`
  }
  return null
}
