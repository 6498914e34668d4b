import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { exchange } from '../support/exchange.js'
import { byteByByte, packetForms } from '../support/packet-forms.js'
import { parseStrictRequests } from '../support/strict-request-parser.js'

const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
const post = (framing: string, body: string): string => `POST /a HTTP/1.1\r\nHost: a\r\n${framing}\r\n${body}`

/** A request to refuse, with a hidden one behind or inside it: id, what is wrong, bytes. */
type Row = readonly [id: string, what: string, bytes: string]

const LENGTHS: readonly Row[] = [
  ['U1', 'two different Content-Lengths', post('Content-Length: 3\r\nContent-Length: 4\r\n', `abc${HIDDEN}`)],
  ['U1', 'two equal Content-Lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', `abc${HIDDEN}`)],
  [
    'U1',
    'a second Content-Length that hides',
    post(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN),
  ],
  [
    'U1',
    'two lengths, other fields between',
    post('Content-Length: 3\r\nX: y\r\ncontent-length: 9\r\n', `abc${HIDDEN}`),
  ],
  ['B1', 'a list of lengths', post('Content-Length: 3, 3\r\n', `abc${HIDDEN}`)],
  ['B1', 'a list of different lengths', post('Content-Length: 3, 4\r\n', `abc${HIDDEN}`)],
  ['B1', 'a sign', post('Content-Length: +3\r\n', `abc${HIDDEN}`)],
  ['B1', 'a minus', post('Content-Length: -1\r\n', HIDDEN)],
  ['B1', 'a leading zero', post('Content-Length: 03\r\n', `abc${HIDDEN}`)],
  ['B1', 'no digits', post('Content-Length: \r\n', HIDDEN)],
  ['B1', 'a word', post('Content-Length: abc\r\n', HIDDEN)],
  ['B1', 'a hexadecimal prefix', post('Content-Length: 0x3\r\n', `abc${HIDDEN}`)],
  ['B1', 'a space inside', post('Content-Length: 1 0\r\n', HIDDEN)],
  ['B1', 'a decimal point', post('Content-Length: 3.0\r\n', `abc${HIDDEN}`)],
  ['B1', 'an exponent', post('Content-Length: 1e18\r\n', HIDDEN)],
  ['B1', '19 digits', post('Content-Length: 1000000000000000000\r\n', HIDDEN)],
  ['B1', 'more than 64 bits, zero modulo 2^64', post('Content-Length: 18446744073709551616\r\n', HIDDEN)],
  [
    'B1',
    'length and chunked',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  [
    'B1',
    'chunked and length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  [
    'B1',
    'length and chunked on GET',
    `GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ['B1', 'space before the colon', post('Content-Length : 3\r\n', `abc${HIDDEN}`)],
]

const te = (value: string): string => post(`Transfer-Encoding:${value}\r\n`, `0\r\n\r\n${HIDDEN}`)
const CODINGS: readonly Row[] = [
  ['U2', 'xchunked', te(' xchunked')],
  ['U2', 'chunkedx', te(' chunkedx')],
  ['U2', 'gzip, chunked', te(' gzip, chunked')],
  ['U2', 'chunked, gzip', te(' chunked, gzip')],
  ['U2', 'chunked, chunked', te(' chunked, chunked')],
  ['U2', 'identity', te(' identity')],
  ['U2', 'gzip', te(' gzip')],
  ['U2', 'nothing', te(' ')],
  ['U2', 'a leading comma', te(' , chunked')],
  ['U2', 'a trailing comma', te(' chunked,')],
  ['U2', 'a parameter', te(' chunked;q=1')],
  ['U2', 'quotes', te(' "chunked"')],
  ['U2', 'a vertical tab', te(' \x0bchunked')],
  ['U2', 'a form feed', te(' \x0cchunked')],
  ['U2', 'a NUL behind', te(' chunked\x00')],
  ['U2', 'an obs-fold', te('\r\n chunked')],
  ['U2', 'an obs-fold with a tab', te('\r\n\tchunked')],
  [
    'U2',
    'two lines',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  [
    'U2',
    'two lines, the second identity',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  [
    'U2',
    'two lines, the first unknown',
    post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  ['B2', 'space before the colon', post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${HIDDEN}`)],
  ['B2', 'a length besides', post('Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n', `abc${HIDDEN}`)],
  ['B2', 'HTTP/1.0', `POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
]

const get = (fields: string): string => `GET /a HTTP/1.1\r\n${fields}\r\n${HIDDEN}`
const FIELDS: readonly Row[] = [
  ['U5', 'two different Hosts', get('Host: a\r\nHost: b\r\n')],
  ['U5', 'two equal Hosts', get('Host: a\r\nX: y\r\nhost: a\r\n')],
  ['B12', 'userinfo in Host', get('Host: a@b\r\n')],
  ['B12', 'a path in Host', get('Host: a/b\r\n')],
  ['B12', 'a fragment in Host', get('Host: a#b\r\n')],
  ['B12', 'a query in Host', get('Host: a?b\r\n')],
  ['B12', 'a port that is no number', get('Host: a:80x\r\n')],
  ['B12', 'a port beyond 65535', get('Host: a:65536\r\n')],
  ['B12', 'two ports', get('Host: a:80:80\r\n')],
  ['B12', 'a list in Host', get('Host: a, b\r\n')],
  ['B12', 'a space in Host', get('Host: a b\r\n')],
  ['B12', 'an empty Host', get('Host: \r\n')],
  ['B12', 'an unclosed IPv6 literal', get('Host: [::1\r\n')],
  ['U6', 'no Host', get('X: y\r\n')],
  ['U6', 'NUL in a value', get('Host: a\r\nX: a\x00b\r\n')],
  ['U6', 'a bell in a value', get('Host: a\r\nX: a\x07b\r\n')],
  ['U6', 'DEL in a value', get('Host: a\r\nX: a\x7fb\r\n')],
  ['U6', 'a bare CR in a value', get('Host: a\r\nX: a\rb\r\n')],
  ['U6', 'a bare CR that would begin a field', get('Host: a\r\nX: a\rContent-Length: 5\r\n')],
  ['U6', 'a bare LF in a value', get('Host: a\r\nX: a\nb: c\r\n')],
  ['U6', 'obs-fold', get('Host: a\r\nX: a\r\n b\r\n')],
  ['U6', 'a folded Host', get('Host:\r\n a\r\n')],
  ['U6', 'space before the colon', get('Host: a\r\nX : b\r\n')],
  ['U6', 'tab before the colon', get('Host: a\r\nX\t: b\r\n')],
  ['U6', 'no colon', get('Host: a\r\nnonsense\r\n')],
  ['U6', 'no name', get('Host: a\r\n: b\r\n')],
  ['U6', 'a name with a bracket', get('Host: a\r\nx[y: b\r\n')],
  ['U6', 'a name with a byte above 0x7f', get('Host: a\r\nx\xeby: b\r\n')],
  ['U6', 'whitespace before the first field', get(' X: y\r\nHost: a\r\n')],
  ['B4', 'bare LF after the request line', `GET /a HTTP/1.1\nHost: a\r\n\r\n${HIDDEN}`],
  ['B4', 'bare LF after a field', `GET /a HTTP/1.1\r\nHost: a\nX: y\r\n\r\n${HIDDEN}`],
  ['B4', 'bare CR after the request line', `GET /a HTTP/1.1\rHost: a\r\n\r\n${HIDDEN}`],
]

describe.each(ACCEPTOR_KINDS)('refused requests over %s', (kind) => {
  let subject: AcceptorUnderTest
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind)
  })
  afterAll(async () => {
    await subject.close()
  })

  it.each([...LENGTHS, ...CODINGS, ...FIELDS])(
    '%s %s: refused, closed, nothing reaches the application',
    async (_, __, bytes) => {
      expect(parseStrictRequests(Buffer.from(bytes, 'latin1')).requests).toEqual([])
      for (const form of [...packetForms(bytes), byteByByte(bytes)]) {
        const outcome = await exchange(subject, form, { untilClosed: true })
        expect({ form: form.name, ...pick(outcome) }).toEqual({
          form: form.name,
          lines: [],
          closed: true,
          problems: [],
        })
        expect(outcome.statuses.length, form.name).toBeLessThanOrEqual(1)
        expect([undefined, 400, 501], form.name).toContain(outcome.statuses[0])
      }
    },
  )

  it('U1 U2 U5 says why it refused: one 400 with an error document, and one report', async () => {
    const bytes = post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abc')
    const { responses } = await exchange(subject, bytes, { untilClosed: true })
    expect(subject.refusals.map(({ status, kind: what }) => [status, what])).toEqual([[400, 'parse']])
    const [answer] = responses
    expect(answer?.status).toBe(400)
    expect(answer?.header('connection')).toBe('close')
    expect(answer?.header('proxy-status')).toMatch(/^headgate; error=http_request_error/)
    expect(JSON.parse(answer?.body.toString() ?? '')).toMatchObject({ error: 'bad_request', status: 400 })
  })
})

function pick({ lines, closed, problems }: Awaited<ReturnType<typeof exchange>>): object {
  return { lines, closed, problems }
}
