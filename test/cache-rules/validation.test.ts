import { describe, expect, it } from 'vitest'
import {
  BlockFields,
  decodeMeta,
  isNotModified,
  matchesHead,
  notModifiedBlock,
  refreshedHead,
  validators,
} from '#src/cache/rules/index.js'
import { AT_NOON, block, entry, fields, GET, NOON_MS, RULES } from './support.js'

const MODIFIED = 'Thu, 15 Jan 2026 11:00:00 GMT'
const CONTROL = { 'cache-control': 'max-age=60' }
const tagged = (etag: string, status = 200) =>
  entry({ ...CONTROL, etag, 'last-modified': MODIFIED }, { status })

describe('conditional requests (RFC 9110 §13, RFC 9111 §4.3.2)', () => {
  const is304 = (request: Record<string, string>, head = tagged('"a"')): boolean =>
    isNotModified(fields(request), head, decodeMeta(head.meta))

  it.each(['"a"', 'W/"a"', '"x", "a"', '"x",W/"a" , "y"', '*', ' * '])(
    '§13.1.2: If-None-Match %s matches',
    (list) => expect(is304({ 'If-None-Match': list })).toBe(true),
  )
  it.each(['"b"', 'a', '"A"', 'w/"a"', '"x" "a"', '""', '"a', '"x", a, "a"'])(
    '§13.1.2: %s does not',
    (list) => expect(is304({ 'if-none-match': list })).toBe(false),
  )
  it('§8.8.3.2: the comparison is weak', () =>
    expect(is304({ 'if-none-match': '"a"' }, tagged('W/"a"'))).toBe(true))
  it('§13.2.2: with If-None-Match the date is not looked at', () => {
    expect(is304({ 'if-none-match': '"b"', 'if-modified-since': MODIFIED })).toBe(false)
  })
  it('§13.1.3: If-Modified-Since, exact or later; an invalid date is ignored', () => {
    expect(is304({ 'if-modified-since': MODIFIED })).toBe(true)
    expect(is304({ 'if-modified-since': 'Thu, 15 Jan 2026 11:00:01 GMT' })).toBe(true)
    expect(is304({ 'if-modified-since': 'Thu, 15 Jan 2026 10:59:59 GMT' })).toBe(false)
    expect(is304({ 'if-modified-since': 'yesterday' })).toBe(false)
    expect(is304({ 'if-modified-since': MODIFIED }, entry(CONTROL))).toBe(false)
  })
  it('§13.2.1: only what would be a success can be not modified', () => {
    expect(is304({ 'if-none-match': '"a"' }, tagged('"a"', 404))).toBe(false)
  })
  it('§15.4.5: a 304 says nothing of the content', () => {
    const stored = block({
      'Content-Type': 'text/plain',
      'Content-Encoding': 'br',
      'Content-Location': '/a',
      ETag: '"a"',
      'Last-Modified': MODIFIED,
      'Cache-Control': 'max-age=1',
    })
    expect(notModifiedBlock(stored, '"a"')).toBe(
      block({ 'Content-Location': '/a', ETag: '"a"', 'Cache-Control': 'max-age=1' }),
    )
    expect(notModifiedBlock(stored, '')).toContain('Last-Modified')
  })
  it('§4.3.1: a stored answer is validated with what it has', () => {
    const of = (values: Record<string, string>): string => {
      const head = entry({ ...CONTROL, ...values })
      const meta = decodeMeta(head.meta)
      return validators(head, meta, new BlockFields(meta.headerBlock))
    }
    expect(of({ etag: '"a"', 'last-modified': MODIFIED })).toBe(
      block({ 'if-none-match': '"a"', 'if-modified-since': MODIFIED }),
    )
    expect(of({ 'last-modified': MODIFIED })).toBe(block({ 'if-modified-since': MODIFIED }))
    expect(of({ etag: 'bad' })).toBe('')
  })
})

describe('a 304 of the origin (RFC 9111 §3.2, §4.3.4)', () => {
  const laterMs = NOON_MS + 100_000
  const arrival = { requestMs: laterMs, responseMs: laterMs, dateMs: laterMs }
  const refresh = (stored: Record<string, string>, update: Record<string, string>) =>
    refreshedHead(entry(stored), block(update), GET, arrival, RULES, laterMs)

  it('replaces the fields that it has, keeps the others, and begins a new life', () => {
    const result = refresh(
      { ...CONTROL, ETag: '"a"', 'X-Old': '1', 'X-Kept': 'k', 'Content-Type': 'text/plain' },
      { 'Cache-Control': 'max-age=5', etag: '"a"', 'x-old': '2', 'content-type': 'x/y', 'set-cookie': 'c' },
    )
    if (result.kind !== 'refreshed') throw new Error(result.kind)
    expect(decodeMeta(result.head.meta).headerBlock).toBe(
      'X-Kept: k\r\nContent-Type: text/plain\r\nCache-Control: max-age=5\r\netag: "a"\r\nx-old: 2\r\n',
    )
    expect(result.head).toMatchObject({ bornMs: laterMs, freshUntilMs: laterMs + 5000, status: 200 })
  })
  it('without a Cache-Control of its own that of the stored answer counts again', () => {
    const result = refresh({ ...CONTROL, etag: '"a"' }, {})
    expect(result).toMatchObject({ kind: 'refreshed', lifetimeMs: 60_000 })
  })
  it('its Age counts', () => {
    const result = refresh({ ...CONTROL, etag: '"a"' }, { age: '20' })
    expect(result.kind === 'refreshed' && result.head.bornMs).toBe(laterMs - 20_000)
  })
  it('that forbids storing leaves the stored answer as it is', () => {
    expect(refresh({ ...CONTROL, etag: '"a"' }, { 'cache-control': 'no-store' })).toEqual({
      kind: 'not-stored',
      reason: 'no-store',
    })
  })
  it('of another representation does not update this one', () => {
    expect(refresh({ ...CONTROL, etag: '"a"' }, { etag: '"b"' }).kind).toBe('other')
    expect(refresh({ ...CONTROL, etag: '"a"' }, { etag: 'W/"a"' }).kind).toBe('refreshed')
    const modified = { 'last-modified': MODIFIED }
    expect(
      refresh({ ...CONTROL, ...modified }, { 'last-modified': 'Thu, 15 Jan 2026 11:30:00 GMT' }).kind,
    ).toBe('other')
    expect(refresh({ ...CONTROL, ...modified }, modified).kind).toBe('refreshed')
  })
})

describe('an answer to HEAD (RFC 9111 §4.3.5)', () => {
  it('speaks of the stored answer only if length and validators are the same', () => {
    const head = tagged('"a"')
    const same = (values: Record<string, string>, lengthBytes: number | null): boolean =>
      matchesHead(head, '"a"', fields(values), lengthBytes, 10)
    expect(same({ etag: '"a"' }, 10)).toBe(true)
    expect(same({}, null)).toBe(true)
    expect(same({ etag: '"b"' }, 10)).toBe(false)
    expect(same({ etag: '"a"' }, 11)).toBe(false)
  })
})

it('the age of the entry of a slow answer counts from when it was asked for', () => {
  const head = entry(CONTROL, { arrival: { ...AT_NOON, requestMs: NOON_MS - 3000 } })
  expect(head.bornMs).toBe(NOON_MS - 3000)
})
