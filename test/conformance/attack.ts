import fc from 'fast-check'

/** A complete request that must never be executed, because it stands inside another one or behind a broken one. */
export const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'

const lengthName = fc.constantFrom(
  'Content-Length:',
  'content-length:',
  'Content-Length :',
  'Content-Length\t:',
  ' Content-Length:',
  'Content_Length:',
  'Content-Length\0:',
  'X-Content-Length:',
  'Content-Length\r\n:',
)
const codingName = fc.constantFrom(
  'Transfer-Encoding:',
  'transfer-encoding:',
  'Transfer-Encoding :',
  'Transfer-Encoding\t:',
  ' Transfer-Encoding:',
  'Transfer_Encoding:',
  'Transfer-Encoding\0:',
  'X: y\rTransfer-Encoding:',
  'X: y\nTransfer-Encoding:',
  'TE:',
)
const codingValue = fc.constantFrom(
  'chunked',
  'Chunked',
  'CHUNKED',
  'xchunked',
  'chunkedx',
  'chunke',
  'identity',
  'gzip',
  'gzip, chunked',
  'chunked, gzip',
  'chunked, identity',
  ', chunked',
  'chunked,',
  'chunked, chunked',
  'chunked;q=1',
  '"chunked"',
  'chunked\0',
  '\x0bchunked',
  'chunked\x0b',
  '\r\n chunked',
  '\r\n\tchunked',
  'chunked\r\n ',
  '\x85chunked',
  '\xa0chunked',
  'chun\rked',
  '',
  'cow',
)
const space = fc.constantFrom(' ', '', '  ', '\t', ' \t ')
const lineEnd = fc.oneof(
  { arbitrary: fc.constant('\r\n'), weight: 12 },
  { arbitrary: fc.constantFrom('\n', '\r', '\n\r', '\r\r\n'), weight: 1 },
)

/** Length values around the true one, and forms that some parser reads as it. */
const lengthValue = (length: number) =>
  fc.oneof(
    fc
      .constantFrom(0, 1, 3, 4, 5, length, length - 2, length + 2, length - HIDDEN.length)
      .map((n) => String(Math.max(0, n))),
    fc.constantFrom(
      `+${length}`,
      `-${length}`,
      `0${length}`,
      `0x${length.toString(16)}`,
      `${length}, ${length}`,
      `${length},0`,
      `${length};`,
      `${length} 0`,
      `${length}.0`,
      `${length}e0`,
      `${length}\0`,
      `\x0b${length}`,
      `1${'0'.repeat(20)}`,
      '',
      'x',
      `${2n ** 64n + BigInt(length)}`,
      `${2n ** 32n + BigInt(length)}`,
    ),
  )

const sizeLine = (length: number) =>
  fc.constantFrom(
    length.toString(16),
    length.toString(16).toUpperCase(),
    `0${length.toString(16)}`,
    `0x${length.toString(16)}`,
    `+${length.toString(16)}`,
    `-${length.toString(16)}`,
    ` ${length.toString(16)}`,
    `${length.toString(16)} `,
    `${length.toString(16)};a=b`,
    `${length.toString(16)};a\rb`,
    `${length.toString(16)};a\nb`,
    `${length.toString(16)};`,
    `${length.toString(16)}g`,
    'g',
    '@',
    '',
    (length + 2).toString(16),
    Math.max(0, length - 2).toString(16),
    (2n ** 64n + BigInt(length)).toString(16),
    (2n ** 32n + BigInt(length)).toString(16),
    `${'0'.repeat(40)}${length.toString(16)}`,
  )

const chunk = fc
  .constantFrom('abc', HIDDEN, `\r\n\r\n${HIDDEN}`, `0\r\n\r\n${HIDDEN}`, 'x')
  .chain((data) =>
    fc.tuple(sizeLine(data.length), lineEnd, fc.constant(data), lineEnd).map((parts) => parts.join('')),
  )
const lastChunk = fc.constantFrom(
  '0\r\n\r\n',
  '0\r\nXX',
  '0\r\n',
  '00\r\n\r\n',
  '0\n\r\n',
  '0\r\n\n',
  '0;a=b\r\n\r\n',
  '0\r\nX: y\r\n\r\n',
  '0\r\nX y\r\n\r\n',
  '0\r\nContent-Length: 40\r\n\r\n',
  '\r\n\r\n',
  '0 \r\n\r\n',
  '+0\r\n\r\n',
  '-0\r\n\r\n',
  '0x0\r\n\r\n',
  '',
  '0\r\r\n',
  '0\r\nX: \0\r\n\r\n',
)
const body = fc.oneof(
  fc.constantFrom('', 'abc', HIDDEN, `abc${HIDDEN}`, `\r\n${HIDDEN}`, `0\r\n\r\n${HIDDEN}`),
  fc
    .tuple(fc.array(chunk, { maxLength: 2 }), lastChunk, fc.constantFrom('', 'X', '\r\n', HIDDEN))
    .map(([chunks, last, tail]) => `${chunks.join('')}${last}${tail}`),
)

export interface Attack {
  /** One character per byte. */
  readonly bytes: string
  /** Where to cut them into segments. */
  readonly offsets: readonly number[]
}

/**
 * A request to `/a` with none to four framing or connection fields, each right, odd or broken, and a body with hidden
 * requests in it, cut into one to four segments.
 */
export const attack: fc.Arbitrary<Attack> = body.chain((text) => {
  const length = fc.tuple(lengthName, space, lengthValue(text.length), lineEnd).map((parts) => parts.join(''))
  const coding = fc.tuple(codingName, space, codingValue, space, lineEnd).map((parts) => parts.join(''))
  const other = fc.constantFrom(
    'X: y\r\n',
    ': y\r\n',
    'Connection: close\r\n',
    'Connection: content-length\r\n',
    'Connection: transfer-encoding\r\n',
    'Expect: 100-continue\r\n',
    'Upgrade: h2c\r\nConnection: upgrade\r\n',
  )
  const field = fc.oneof(
    { arbitrary: length, weight: 4 },
    { arbitrary: coding, weight: 4 },
    { arbitrary: other, weight: 2 },
  )
  return fc
    .record({
      method: fc.constantFrom('POST', 'GET', 'OPTIONS', 'PUT', 'HEAD'),
      version: fc.constantFrom('1.1', '1.1', '1.1', '1.0'),
      before: fc.array(field, { maxLength: 2 }),
      after: fc.array(field, { maxLength: 2 }),
      cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
    })
    .map(({ method, version, before, after, cuts }) => {
      const bytes = `${method} /a HTTP/${version}\r\n${before.join('')}Host: a\r\n${after.join('')}\r\n${text}`
      return { bytes, offsets: cuts.map((share) => Math.floor(share * bytes.length)) }
    })
})
