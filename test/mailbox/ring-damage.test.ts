import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RingCorrupt, type RingReader } from '#src/mailbox/index.js'
import { CONTROL_BYTES, HEADER_BYTES, WRITTEN } from '#src/mailbox/ring-layout.js'
import { type Ring, ringAt, writeSample } from './support/ring-fixture.js'

const CAPACITY = 1024

/** Reads until the end or until the damage is found; notes every frame that reaches beyond the ring. */
function readAll(reader: RingReader): { frames: number; outside: string[]; corrupt: boolean } {
  const outside: string[] = []
  let frames = 0
  try {
    // A frame takes at least its header, so a lap has a limit; more would be reading in circles.
    for (; frames <= CAPACITY / HEADER_BYTES && reader.next(); frames += 1) {
      const { offset, length } = reader
      if (offset < HEADER_BYTES || length < 0 || offset + length > CAPACITY)
        outside.push(`${length} bytes at ${offset}`)
    }
    return { frames, outside, corrupt: false }
  } catch (error) {
    if (!(error instanceof RingCorrupt)) throw error
    return { frames, outside, corrupt: true }
  }
}

function filled(frames: number, sizeBytes: number, startAt = 0): Ring {
  const ring = ringAt(CAPACITY, startAt)
  for (let sequence = 0; sequence < frames; sequence += 1) writeSample(ring.writer, { sequence, sizeBytes })
  ring.writer.publish()
  return ring
}

const word = fc.oneof(
  fc.integer(),
  fc.constantFrom(
    -1,
    -(2 ** 31),
    2 ** 31 - 1,
    2 ** 31 - 8,
    2 ** 31 - 24,
    2 ** 31 - 31,
    2 ** 31 - 32,
    CAPACITY,
  ),
  fc.integer({ min: -64, max: 2 * CAPACITY }),
)

describe('a damaged ring', () => {
  it.each([
    -1,
    -(2 ** 31),
    CAPACITY,
    CAPACITY - HEADER_BYTES + 1,
    2 ** 31 - 1,
    2 ** 31 - 8,
    2 ** 31 - 31,
    2 ** 31 - 32,
  ])('is found by a length of %d', (length) => {
    const { buffer, reader } = filled(2, 40)
    new Int32Array(buffer, CONTROL_BYTES)[0] = length
    expect(() => reader.next()).toThrow(RingCorrupt)
  })

  it('is found by a frame that reaches beyond what was published', () => {
    const { buffer, reader } = filled(1, 40)
    new Int32Array(buffer, CONTROL_BYTES)[0] = 41
    expect(() => reader.next()).toThrow(RingCorrupt)
  })

  it('is found by a position more than a lap ahead', () => {
    const { control, reader } = filled(1, 40)
    control[WRITTEN] = CAPACITY + 8
    expect(() => reader.next()).toThrow(RingCorrupt)
  })

  it('is found by a position behind the reader', () => {
    const { control, reader } = filled(1, 40, 512)
    control[WRITTEN] = 504
    expect(() => reader.next()).toThrow(RingCorrupt)
  })

  it('is found by a position inside the rest before the end, where no frame can be', () => {
    const { control, reader } = ringAt(CAPACITY, CAPACITY - 16)
    control[WRITTEN] = CAPACITY - 8
    expect(() => reader.next()).toThrow(RingCorrupt)
  })

  it('never makes the reader look outside of the ring or in circles, whatever one word says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.nat(80),
        fc.nat(CAPACITY / 8 - 1),
        fc.oneof(fc.constant(-1), fc.nat(CAPACITY / 4 - 1)),
        word,
        (frames, sizeBytes, startUnits, where, value) => {
          const { buffer, control, reader } = filled(frames, sizeBytes, startUnits * 8)
          if (where < 0) control[WRITTEN] = value
          else new Int32Array(buffer, CONTROL_BYTES)[where] = value
          const { frames: read, outside } = readAll(reader)
          expect(outside).toEqual([])
          expect(read).toBeLessThanOrEqual(CAPACITY / HEADER_BYTES)
        },
      ),
      { numRuns: 2500 },
    )
  })

  it('never does so when the whole of it is noise', () => {
    fc.assert(
      fc.property(
        fc.array(word, { minLength: CAPACITY / 4, maxLength: CAPACITY / 4 }),
        fc.nat(CAPACITY / 8),
        fc.nat(CAPACITY / 8 - 1),
        (words, units, startUnits) => {
          const { buffer, control, reader } = ringAt(CAPACITY, startUnits * 8)
          new Int32Array(buffer, CONTROL_BYTES).set(words)
          control[WRITTEN] = (startUnits + units) * 8
          const { frames: read, outside } = readAll(reader)
          expect(outside).toEqual([])
          expect(read).toBeLessThanOrEqual(CAPACITY / HEADER_BYTES)
        },
      ),
      { numRuns: 300 },
    )
  })
})
