import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeMeta,
  ifRangeHolds,
  parseRange,
  partialContent,
  unsatisfiable,
} from '#src/cache/rules/index.js'
import { block, entry } from './support.js'

const decoder = new TextDecoder()
const BODY = '0123456789'

function ranges(field: string, size = 10): string {
  const read = parseRange(field, size)
  return read.kind === 'ranges'
    ? read.ranges.map(({ first, last }) => `${first}-${last}`).join(',')
    : read.kind
}

describe('Range (RFC 9110 §14)', () => {
  it.each([
    ['bytes=0-0', '0-0'],
    ['bytes=2-4', '2-4'],
    ['bytes=5-', '5-9'],
    ['bytes=-3', '7-9'],
    ['bytes=-99', '0-9'],
    ['bytes=8-99', '8-9'],
    ['Bytes=1-1', '1-1'],
    ['bytes= 0-1 , 4-5', '0-1,4-5'],
    ['bytes=4-5,0-1', '4-5,0-1'],
    ['bytes=0-1,20-30', '0-1'],
  ])('%s of ten bytes: %s', (field, wanted) => expect(ranges(field)).toBe(wanted))

  it.each(['bytes=10-', 'bytes=99-100', 'bytes=-0', 'bytes=20-30,40-'])('%s cannot be satisfied', (field) =>
    expect(ranges(field)).toBe('unsatisfiable'),
  )
  it.each([
    'items=0-1',
    'bytes=',
    'bytes=a-b',
    'bytes=4-2',
    'bytes=0-1,x',
    'bytes=-',
    'bytes 0-1',
    '0-1',
    'bytes=1',
  ])('§14.2: %j is as if it were not there', (field) => expect(ranges(field)).toBe('whole'))
  it('§14.2: overlapping ranges and very many get the whole', () => {
    expect(ranges('bytes=0-5,3-7')).toBe('whole')
    expect(ranges(`bytes=${Array.from({ length: 33 }, (_, i) => `${2 * i}-${2 * i}`).join(',')}`, 100)).toBe(
      'whole',
    )
  })
  it('what is given never lies outside the body nor overlaps', () => {
    const spec = fc.oneof(
      fc.tuple(fc.nat(30), fc.nat(30)).map(([a, b]) => `${a}-${b}`),
      fc.nat(30).map((n) => `-${n}`),
      fc.nat(30).map((n) => `${n}-`),
    )
    fc.assert(
      fc.property(fc.array(spec, { minLength: 1, maxLength: 6 }), fc.nat(20), (specs, size) => {
        const read = parseRange(`bytes=${specs.join(',')}`, size)
        if (read.kind !== 'ranges') return
        const seen = new Set<number>()
        for (const { first, last } of read.ranges) {
          expect(first).toBeLessThanOrEqual(last)
          expect(last).toBeLessThan(size)
          for (let i = first; i <= last; i += 1) {
            expect(seen.has(i)).toBe(false)
            seen.add(i)
          }
        }
      }),
    )
  })
})

describe('If-Range (RFC 9110 §13.1.5)', () => {
  const modified = 'Thu, 15 Jan 2026 11:00:00 GMT'
  const holds = (field: string, values: Record<string, string>): boolean => {
    const head = entry({ 'cache-control': 'max-age=9', ...values })
    return ifRangeHolds(field, head, decodeMeta(head.meta))
  }
  it('a strong tag that is the same', () => {
    expect(holds('"a"', { etag: '"a"' })).toBe(true)
    expect(holds('"b"', { etag: '"a"' })).toBe(false)
    expect(holds('W/"a"', { etag: 'W/"a"' })).toBe(false)
    expect(holds('"a"', {})).toBe(false)
  })
  it('a date that is exactly the last change, and not of the second of the answer', () => {
    expect(holds(modified, { 'last-modified': modified })).toBe(true)
    expect(holds('Thu, 15 Jan 2026 11:00:01 GMT', { 'last-modified': modified })).toBe(false)
    const noon = 'Thu, 15 Jan 2026 12:00:00 GMT'
    expect(holds(noon, { 'last-modified': noon })).toBe(false)
    expect(holds('nonsense', { 'last-modified': modified })).toBe(false)
  })
})

describe('answers made of parts', () => {
  const stored = block({ 'Content-Type': 'text/plain', ETag: '"a"' })
  const text = (answer: ReturnType<typeof partialContent>): string =>
    answer.pieces
      .map((piece) =>
        piece instanceof Uint8Array ? decoder.decode(piece) : BODY.slice(piece.first, piece.last + 1),
      )
      .join('')

  it('§15.3.7.1: one range', () => {
    const answer = partialContent(stored, 'text/plain', [{ first: 2, last: 4 }], 10, 'b')
    expect(answer.headerBlock).toBe(`${stored}content-range: bytes 2-4/10\r\n`)
    expect([answer.status, text(answer), answer.lengthBytes]).toEqual([206, '234', 3])
  })
  it('§15.3.7.2: several as multipart/byteranges, of the length that is announced', () => {
    const parts = [
      { first: 0, last: 1 },
      { first: 8, last: 9 },
    ]
    const answer = partialContent(stored, 'text/plain', parts, 10, 'BOUND')
    expect(answer.headerBlock).toBe('ETag: "a"\r\ncontent-type: multipart/byteranges; boundary=BOUND\r\n')
    expect(text(answer)).toBe(
      '--BOUND\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\r\n' +
        '--BOUND\r\nContent-Type: text/plain\r\nContent-Range: bytes 8-9/10\r\n\r\n89\r\n--BOUND--\r\n',
    )
    expect(answer.lengthBytes).toBe(text(answer).length)
  })
  it('§15.5.17: 416 tells the length and nothing of the content', () => {
    const answer = unsatisfiable(stored, 10)
    expect([answer.status, answer.lengthBytes, answer.headerBlock]).toEqual([
      416,
      0,
      'content-range: bytes */10\r\n',
    ])
  })
})
