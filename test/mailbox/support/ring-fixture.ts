import { createRingBuffer, RingReader, RingWriter } from '#src/mailbox/index.js'
import { READ, WRITTEN } from '#src/mailbox/ring-layout.js'

export interface Ring {
  readonly buffer: SharedArrayBuffer
  /** The control words, for looking and for damage. */
  readonly control: Int32Array
  readonly writer: RingWriter
  readonly reader: RingReader
}

/** A ring that has seen `startAt` bytes go through it already; a multiple of 8. */
export function ringAt(capacityBytes: number, startAt = 0): Ring {
  const buffer = createRingBuffer(capacityBytes)
  const control = new Int32Array(buffer, 0, 64)
  control[WRITTEN] = startAt | 0
  control[READ] = startAt | 0
  return { buffer, control, writer: new RingWriter(buffer), reader: new RingReader(buffer) }
}

/** A frame as a test means it; everything follows from its number and size. */
export interface Sample {
  readonly sequence: number
  readonly sizeBytes: number
}

/** Byte `i` of the payload of a sample. */
function payloadByte(sequence: number, i: number): number {
  return (sequence * 131 + i * 7 + (i >> 8)) & 0xff
}

function headerWords(sequence: number): [number, number, number, number, number] {
  const mixed = Math.imul(sequence + 1, 0x9e3779b1)
  return [1 + (sequence % 9), mixed >>> 12, mixed | 0, ~mixed, sequence | 0]
}

/** @returns false when the ring is full */
export function writeSample(writer: RingWriter, { sequence, sizeBytes }: Sample): boolean {
  const [kind, slot, generation, a, b] = headerWords(sequence)
  const at = writer.reserve(kind, slot, generation, sizeBytes, a, b)
  if (at < 0) return false
  for (let i = 0; i < sizeBytes; i += 1) writer.bytes[at + i] = payloadByte(sequence, i)
  return true
}

/** What differs between the reader's current frame and the sample; null when nothing does. */
export function differenceOf(reader: RingReader, { sequence, sizeBytes }: Sample): string | null {
  const [kind, slot, generation, a, b] = headerWords(sequence)
  if (reader.length !== sizeBytes) return `length ${reader.length} instead of ${sizeBytes}`
  const words = [reader.kind, reader.slot, reader.generation, reader.a, reader.b]
  if (words.join() !== [kind, slot, generation, a, b].join())
    return `header ${words.join()} of frame ${sequence}`
  return payloadDifference(reader.bytes, reader.offset, { sequence, sizeBytes })
}

export function payloadDifference(bytes: Uint8Array, offset: number, sample: Sample): string | null {
  for (let i = 0; i < sample.sizeBytes; i += 1) {
    if (bytes[offset + i] !== payloadByte(sample.sequence, i)) return `byte ${i} of frame ${sample.sequence}`
  }
  return null
}
