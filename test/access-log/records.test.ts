import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessLog } from '#src/access-log/access-log.js'
import { formatOf, packName, readEntry, writeEntry } from '#src/access-log/entry-codec.js'
import { lineFormat, shownHeaders } from '#src/access-log/line-format.js'
import { createRecordRing, RecordReader, RecordWriter } from '#src/access-log/record-ring.js'
import { type AccessEntry, type AccessLogConfig, NO_ENTRY } from '#src/access-log/types.js'

const bytes = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })
const number = fc.double({ min: -1, max: 1e12, noNaN: true })
const entries = fc.record({
  kind: fc.constantFrom('session' as const, 'refused' as const),
  requestId: bytes,
  traceId: bytes,
  client: bytes,
  method: bytes,
  host: bytes,
  target: bytes,
  route: fc.string({ unit: 'grapheme' }),
  upstream: fc.string({ unit: 'grapheme' }),
  reason: bytes,
  code: bytes,
  cache: bytes,
  status: fc.integer({ min: 0, max: 999 }),
  upstreamStatus: fc.integer({ min: 0, max: 999 }),
  tries: fc.integer({ min: 0, max: 9 }),
  bytesIn: number,
  bytesOut: number,
  queueMs: number,
  connectMs: number,
  responseMs: number,
  totalMs: number,
  overheadMs: number,
})

describe('a session on its way to the thread that writes', () => {
  it('arrives as it was', () => {
    const names = ['user-agent', 'referer', 'x-a']
    fc.assert(
      fc.property(entries, fc.array(fc.option(bytes), { minLength: 3, maxLength: 3 }), (entry, values) => {
        const ring = createRecordRing(16_384)
        const sent: AccessEntry = { ...entry, header: () => null }
        const packed = { ...sent, route: packName(entry.route), upstream: packName(entry.upstream) }
        const notes = { timeMs: 1234.5, every: 100, format: 7 }
        expect(writeEntry(new RecordWriter(ring, new SharedArrayBuffer(4)), packed, values, notes)).toBe(true)
        const reader = new RecordReader(ring)
        const got: unknown[] = []
        reader.read((offset) => {
          const { header, ...read } = readEntry(reader, offset, names)
          got.push([formatOf(reader, offset), read, names.map(header)])
        }, 10)
        expect(got).toEqual([[7, { ...entry, timeMs: 1234.5, every: 100 }, values]])
      }),
    )
  })

  it('comes in order, and is counted if it finds no room', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: 0, max: 900 }), fc.constant('read' as const)), {
      maxLength: 200,
    })
    fc.assert(
      fc.property(steps, (events) => {
        const ring = createRecordRing(2048)
        const writer = new RecordWriter(ring, new SharedArrayBuffer(4))
        const reader = new RecordReader(ring)
        const expected: string[] = []
        const got: string[] = []
        let dropped = 0
        const read = (atMost: number): number =>
          reader.read((offset) => got.push(readEntry(reader, offset, []).target), atMost)
        for (const [index, event] of events.entries()) {
          if (event === 'read') read(2)
          else {
            const target = `${index}${'.'.repeat(event)}`
            const notes = { timeMs: 0, every: 1, format: 0 }
            if (writeEntry(writer, { ...NO_ENTRY, target }, [], notes)) expected.push(target)
            else dropped += 1
          }
        }
        while (read(3) > 0) expect(got.length).toBeLessThanOrEqual(expected.length)
        expect(got).toEqual(expected)
        expect(reader.takeDropped()).toBe(dropped)
        // Whatever was there before: an empty ring has room again.
        expect(writeEntry(writer, { ...NO_ENTRY, target: 'x' }, [], { timeMs: 0, every: 1, format: 0 })).toBe(
          true,
        )
      }),
    )
  })

  it('rings once it fills half of the ring, and not again before it was emptied', () => {
    const ring = createRecordRing(2048)
    const bell = new SharedArrayBuffer(4)
    const writer = new RecordWriter(ring, bell)
    const rung: number[] = []
    for (let i = 0; i < 8; i += 1) {
      writeEntry(writer, { ...NO_ENTRY, target: 'x'.repeat(90) }, [], { timeMs: 0, every: 1, format: 0 })
      rung.push(Atomics.load(new Int32Array(bell), 0))
    }
    expect(rung).toEqual([0, 0, 0, 0, 1, 1, 1, 1])
  })
})

describe('B22 what is too long to be handed over', () => {
  it('loses its secrets before it is cut', () => {
    const secret = 's3cret'.repeat(2000)
    const config: AccessLogConfig = {
      file: null,
      format: 'json',
      sample: 1,
      slowMs: 0,
      redact: ['token'],
      headers: ['referer'],
    }
    const ring = createRecordRing()
    new AccessLog({ config, format: 0, ring, bell: new SharedArrayBuffer(4) }).write(
      {
        ...NO_ENTRY,
        host: 'h'.repeat(5000),
        target: `/p?token=${secret}&page=2`,
        header: () => `http://me:${secret}@a.test/?token=${secret}&y=1`,
      },
      1,
    )
    const reader = new RecordReader(ring)
    let line = ''
    reader.read((offset) => {
      line = lineFormat(config, {})(readEntry(reader, offset, shownHeaders(config)))
    }, 1)
    expect(line).not.toContain('s3cret')
    expect(JSON.parse(line)).toMatchObject({
      host: 'h'.repeat(1024),
      path: '/p',
      query: 'token=[redacted]&page=2',
      headers: { referer: 'http://a.test/?token=[redacted]&y=1' },
      truncated: true,
    })
  })
})
