import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRingBuffer, RingReader, RingWriter } from '#src/mailbox/index.js'
import { BLOCKED, HEADER_BYTES, READ } from '#src/mailbox/ring-layout.js'
import { differenceOf, payloadDifference, ringAt, type Sample, writeSample } from './support/ring-fixture.js'

const CAPACITY = 1024
const MAX_PAYLOAD = CAPACITY / 4 - HEADER_BYTES - 8
const WORD = 2 ** 32

/** Anywhere, with a preference for the last lap before the position counters wrap. */
const startAt = fc
  .oneof(fc.nat(WORD / 8 - 1), fc.integer({ min: WORD / 8 - CAPACITY / 4, max: WORD / 8 - 1 }))
  .map((units) => units * 8)

type Step =
  | { readonly do: 'write'; readonly sizeBytes: number }
  | { readonly do: 'publish' | 'release' }
  | { readonly do: 'read'; readonly count: number }

const sizeBytes = fc.oneof(
  fc.integer({ min: 0, max: MAX_PAYLOAD }),
  fc.constantFrom(0, 1, 7, 8, 9, MAX_PAYLOAD - 1, MAX_PAYLOAD),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant('write' as const), sizeBytes }), weight: 6 },
  { arbitrary: fc.record({ do: fc.constant('publish' as const) }), weight: 2 },
  {
    arbitrary: fc.record({ do: fc.constant('read' as const), count: fc.integer({ min: 1, max: 6 }) }),
    weight: 3,
  },
  { arbitrary: fc.record({ do: fc.constant('release' as const) }), weight: 2 },
)

/** Bytes that a frame takes when the producer stands at `position`, the rest of the lap before a wrap included. */
function cost(position: number, payloadBytes: number): number {
  const size = Math.ceil((HEADER_BYTES + payloadBytes) / 8) * 8
  const toEnd = CAPACITY - (position % CAPACITY)
  return size <= toEnd ? size : toEnd + size
}

describe('a ring against a queue', () => {
  it('gives the published frames in order and whole, is full exactly when it must be, and keeps what is not released', () => {
    fc.assert(
      fc.property(startAt, fc.array(step, { maxLength: 200 }), (start, steps) => {
        const { writer, reader, control } = ringAt(CAPACITY, start)
        let written = start
        let released = start
        let sequence = 0
        const unpublished: (Sample & { readonly end: number })[] = []
        const published: (Sample & { readonly end: number })[] = []
        const held: (Sample & { readonly end: number; readonly offset: number })[] = []
        let waits = false
        for (const current of steps) {
          switch (current.do) {
            case 'write': {
              const sample = { sequence, sizeBytes: current.sizeBytes }
              const need = cost(written, current.sizeBytes)
              const fits = written + need - released <= CAPACITY
              expect(writeSample(writer, sample)).toBe(fits)
              if (!fits) waits = true
              else {
                written += need
                sequence += 1
                unpublished.push({ ...sample, end: written })
              }
              break
            }
            case 'publish':
              expect(writer.hasUnpublished).toBe(unpublished.length > 0)
              expect(writer.publish()).toBe(false)
              published.push(...unpublished.splice(0))
              break
            case 'read':
              for (let i = 0; i < current.count; i += 1) {
                const expected = published.shift()
                expect(reader.next()).toBe(expected !== undefined)
                if (expected === undefined) break
                expect(differenceOf(reader, expected)).toBeNull()
                held.push({ ...expected, offset: reader.offset })
              }
              break
            case 'release':
              for (const sample of held)
                expect(payloadDifference(reader.bytes, sample.offset, sample)).toBeNull()
              released = held.at(-1)?.end ?? released
              held.length = 0
              expect(reader.release()).toBe(waits)
              waits = false
          }
          expect(control[BLOCKED]).toBe(waits ? 1 : 0)
        }
        expect(writer.freeBytes).toBe(CAPACITY - (written - released))
      }),
      { numRuns: 600 },
    )
  })

  it('carries a frame of every size from every alignment, over the end of the ring and of the counters', () => {
    let wrong: string | null = null
    for (const lap of [0, WORD - CAPACITY]) {
      for (let at = 0; at < CAPACITY; at += 8) {
        const { writer, reader } = ringAt(CAPACITY, lap + at)
        for (let size = 0; size <= MAX_PAYLOAD && wrong === null; size += 1) {
          const sample = { sequence: size, sizeBytes: size }
          if (!writeSample(writer, sample)) wrong = `no room for ${size} bytes in an empty ring`
          writer.publish()
          wrong ??= reader.next()
            ? differenceOf(reader, sample)
            : `frame of ${size} bytes from ${at} is missing`
          if (reader.next()) wrong ??= `a frame too many after ${size} bytes from ${at}`
          reader.release()
        }
      }
    }
    expect(wrong).toBeNull()
  })

  it('says its largest payload, and it fits from every alignment into an empty ring', () => {
    for (let at = 0; at < CAPACITY; at += 8) {
      const { writer } = ringAt(CAPACITY, at)
      expect(writer.maxPayloadBytes).toBe(MAX_PAYLOAD)
      expect(writer.reserve(1, 0, 0, MAX_PAYLOAD)).toBeGreaterThanOrEqual(0)
    }
  })

  it.each([0, 1000, 1023, 1025, 1536, -1024])('refuses a capacity of %d bytes', (capacity) => {
    expect(() => createRingBuffer(capacity)).toThrow(RangeError)
  })
})

describe('a full ring', () => {
  it('refuses, says that the producer waits, and asks for its bell once when room is made', () => {
    const { writer, reader, control } = ringAt(CAPACITY)
    let frames = 0
    while (writeSample(writer, { sequence: frames, sizeBytes: 100 })) frames += 1
    expect(frames).toBe(CAPACITY / 128)
    expect(control[BLOCKED]).toBe(1)
    writer.publish()
    expect(reader.next()).toBe(true)
    expect(reader.release()).toBe(true)
    expect(control[BLOCKED]).toBe(0)
    expect(reader.release()).toBe(false)
    expect(writeSample(writer, { sequence: frames, sizeBytes: 100 })).toBe(true)
  })

  it('does not ask for a bell when the room came since its last look', () => {
    const { writer, reader, control, buffer } = ringAt(CAPACITY)
    while (writer.reserve(1, 0, 0, 100) >= 0);
    control[BLOCKED] = 0
    writer.publish()
    while (reader.next());
    // The producer still believes in the old position; the consumer has released in the meantime.
    new Int32Array(buffer)[READ] = CAPACITY
    expect(writer.reserve(1, 0, 0, 100)).toBeGreaterThanOrEqual(0)
    expect(control[BLOCKED]).toBe(0)
  })
})

describe('a producer that dies', () => {
  it('leaves nothing behind of what it did not publish', () => {
    const { buffer, writer, reader } = ringAt(CAPACITY, 8)
    writeSample(writer, { sequence: 1, sizeBytes: 50 })
    writer.publish()
    writeSample(writer, { sequence: 2, sizeBytes: 60 })
    writeSample(writer, { sequence: 3, sizeBytes: 0 })
    expect(reader.next()).toBe(true)
    expect(differenceOf(reader, { sequence: 1, sizeBytes: 50 })).toBeNull()
    expect(reader.next()).toBe(false)
    expect(new RingReader(buffer).next()).toBe(true)
    // A producer that takes over goes on where the last published frame ended.
    const heir = new RingWriter(buffer)
    writeSample(heir, { sequence: 4, sizeBytes: 70 })
    heir.publish()
    expect(reader.next()).toBe(true)
    expect(differenceOf(reader, { sequence: 4, sizeBytes: 70 })).toBeNull()
  })
})
