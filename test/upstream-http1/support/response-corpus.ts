import fc from 'fast-check'

/** A response as bytes, and the method that it answers. */
export interface Sample {
  readonly method: string
  readonly text: string
}

const tokenChars = "!#$%&'*+-.^_`|~09azAZ".split('')
const valueChars = [...'abc XYZ,;="/\\:()[]{}\t~'.split(''), '\x80', '\xe9', '\xff']

const token = fc
  .array(fc.constantFrom(...tokenChars), { minLength: 1, maxLength: 8 })
  .map((it) => it.join(''))
const value = fc.array(fc.constantFrom(...valueChars), { maxLength: 12 }).map((it) => it.join('').trim())
const blanks = fc.constantFrom('', ' ', ' ', ' ', '  ', '\t')

/** A field that does not frame anything, in any layout the grammar allows. */
const plainField = fc
  .tuple(
    fc.oneof(
      token.map((it) => `X-${it}`),
      fc.constantFrom('Date', 'Server', 'ETag', 'set-cookie', 'Link'),
    ),
    blanks,
    value,
    blanks,
  )
  .map(([name, before, it, after]) => `${name}:${before}${it}${after}\r\n`)

const connectionField = fc.constantFrom(
  'Connection: keep-alive\r\n',
  'Connection: close\r\n',
  'connection:Close\r\n',
  'Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\n',
  'Keep-Alive: timeout=5, max=100\r\n',
  'Trailer: X-Sum\r\n',
)

const fields = fc
  .tuple(fc.array(plainField, { maxLength: 4 }), fc.option(connectionField), fc.nat(4))
  .map(([list, connection, at]) => {
    if (connection !== null) list.splice(Math.min(at, list.length), 0, connection)
    return list
  })

const body = fc
  .array(fc.constantFrom('a', '\r\n', '\n', '\0', '\xff', '0\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'), {
    maxLength: 5,
  })
  .map((it) => it.join(''))

const extension = fc.constantFrom('', '', '', ';a', ';a=b', ';a="b c"', ';a=b;c=d')

const chunkedBody = fc
  .tuple(
    fc.array(fc.tuple(body, extension, fc.boolean()), { maxLength: 4 }),
    extension,
    fc.array(plainField, { maxLength: 2 }),
  )
  .map(([chunks, last, trailers]) => {
    let wire = ''
    for (const [data, ext, upper] of chunks) {
      if (data === '') continue
      const size = data.length.toString(16)
      wire += `${upper ? size.toUpperCase() : size}${ext}\r\n${data}\r\n`
    }
    return `${wire}0${last}\r\n${trailers.join('')}\r\n`
  })

const framedBody = fc.oneof(
  body.map((data) => ({ field: `Content-Length: ${data.length}\r\n`, data })),
  chunkedBody.map((data) => ({ field: 'Transfer-Encoding: chunked\r\n', data })),
  body.map((data) => ({ field: '', data })),
)

const statusLine = fc
  .tuple(
    fc.constantFrom(200, 200, 200, 206, 299, 301, 404, 500, 599),
    fc.constantFrom(' OK', ' ', '', ' Not Modified \xe9'),
  )
  .map(([status, reason]) => `HTTP/1.1 ${status}${reason}\r\n`)

const interim = fc.constantFrom(
  '',
  '',
  '',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(2),
)

const withBody = fc
  .tuple(interim, statusLine, fields, framedBody, fc.nat(4))
  .map(([before, line, list, { field, data }, at]) => {
    const lines = [...list]
    lines.splice(Math.min(at, lines.length), 0, field)
    return { method: 'GET', text: `${before}${line}${lines.join('')}\r\n${data}` }
  })

const withoutBody = fc
  .tuple(
    fc.constantFrom(
      { method: 'HEAD', status: '200 OK' },
      { method: 'HEAD', status: '304 Not Modified' },
      { method: 'GET', status: '304 Not Modified' },
      { method: 'GET', status: '204 No Content' },
    ),
    fields,
    fc.constantFrom('', 'Content-Length: 0\r\n', 'Content-Length: 123\r\n'),
  )
  .map(([{ method, status }, list, length]) => {
    const allowed = status.startsWith('204') ? '' : length
    return { method, text: `HTTP/1.1 ${status}\r\n${list.join('')}${allowed}\r\n` }
  })

const http10 = fc
  .tuple(fields, body)
  .map(([list, data]) => ({ method: 'GET', text: `HTTP/1.0 200 OK\r\n${list.join('')}\r\n${data}` }))

/** Responses that are valid, in every framing. */
export const validSample: fc.Arbitrary<Sample> = fc.oneof(
  { weight: 6, arbitrary: withBody },
  { weight: 2, arbitrary: withoutBody },
  { weight: 1, arbitrary: http10 },
)

const splice = fc.tuple(
  // Anywhere alike: a biased choice would mostly hit the status line.
  fc.noBias(fc.nat(9999)),
  fc.nat(2),
  fc.oneof(
    fc.constantFrom(
      '',
      '',
      '\r',
      '\n',
      '\r\n',
      '\0',
      ' ',
      '\t',
      ':',
      ',',
      ';',
      '"',
      '0',
      '1',
      '9',
      'a',
      'F',
      '\x7f',
      '\x80',
    ),
    fc.constantFrom(
      'Content-Length: 1\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\r\n ',
      'chunked, ',
      '\r\n\r\n',
      '-',
      '+',
      '0x',
    ),
    fc.nat(255).map((code) => String.fromCharCode(code)),
  ),
)

/** Valid responses with one to three places cut out, replaced or added to. */
export const mutatedSample: fc.Arbitrary<Sample> = fc
  .tuple(validSample, fc.array(splice, { minLength: 1, maxLength: 3 }))
  .map(([{ method, text }, edits]) => {
    let mutated = text
    for (const [where, cut, insert] of edits) {
      const at = Math.floor((where / 10_000) * mutated.length)
      mutated = mutated.slice(0, at) + insert + mutated.slice(at + cut)
    }
    return { method, text: mutated }
  })
