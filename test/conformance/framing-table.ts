import { HIDDEN, ROW_HOST } from './row-runner.js'

const post = (framing: string, body: string): string =>
  `POST /a HTTP/1.1\r\nHost: ${ROW_HOST}\r\n${framing}\r\n${body}`

/** A request to refuse, with a hidden one behind or inside it: id, what is wrong, bytes. */
export type Row = readonly [id: string, what: string, bytes: string]

const LENGTHS: readonly Row[] = [
  [
    'U1 B1',
    'two different Content-Lengths',
    post('Content-Length: 3\r\nContent-Length: 4\r\n', `abc${HIDDEN}`),
  ],
  ['U1 B1', 'two equal Content-Lengths', post('Content-Length: 3\r\nContent-Length: 3\r\n', `abc${HIDDEN}`)],
  [
    'U1 B1',
    'a second Content-Length that hides',
    post(`Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN),
  ],
  [
    'U1 B1',
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
    `GET /a HTTP/1.1\r\nHost: ${ROW_HOST}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ['B1', 'space before the colon', post('Content-Length : 3\r\n', `abc${HIDDEN}`)],
]

const te = (value: string): string => post(`Transfer-Encoding:${value}\r\n`, `0\r\n\r\n${HIDDEN}`)
const CODINGS: readonly Row[] = [
  ['U2 B2', 'xchunked', te(' xchunked')],
  ['U2 B2', 'chunkedx', te(' chunkedx')],
  ['U2 B2', 'gzip, chunked', te(' gzip, chunked')],
  ['U2 B2', 'chunked, gzip', te(' chunked, gzip')],
  ['U2 B2', 'chunked, chunked', te(' chunked, chunked')],
  ['U2 B2', 'identity', te(' identity')],
  ['U2 B2', 'gzip', te(' gzip')],
  ['U2 B2', 'nothing', te(' ')],
  ['U2 B2', 'a leading comma', te(' , chunked')],
  ['U2 B2', 'a trailing comma', te(' chunked,')],
  ['U2 B2', 'a parameter', te(' chunked;q=1')],
  ['U2 B2', 'quotes', te(' "chunked"')],
  ['U2 B2', 'a vertical tab', te(' \x0bchunked')],
  ['U2 B2', 'a form feed', te(' \x0cchunked')],
  ['U2 B2', 'a NUL behind', te(' chunked\x00')],
  ['U2 B2', 'an obs-fold', te('\r\n chunked')],
  ['U2 B2', 'an obs-fold with a tab', te('\r\n\tchunked')],
  [
    'U2 B2',
    'two lines',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  [
    'U2 B2',
    'two lines, the second identity',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  [
    'U2 B2',
    'two lines, the first unknown',
    post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`),
  ],
  ['B2', 'space before the colon', post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${HIDDEN}`)],
  ['B2', 'a length besides', post('Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n', `abc${HIDDEN}`)],
  [
    'B2',
    'HTTP/1.0',
    `POST /a HTTP/1.0\r\nHost: ${ROW_HOST}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
]

const get = (fields: string): string => `GET /a HTTP/1.1\r\n${fields}\r\n${HIDDEN}`
const FIELDS: readonly Row[] = [
  ['U5 B4', 'two different Hosts', get(`Host: ${ROW_HOST}\r\nHost: b\r\n`)],
  ['U5 B4', 'two equal Hosts', get(`Host: ${ROW_HOST}\r\nX: y\r\nhost: ${ROW_HOST}\r\n`)],
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
  ['U6 B4', 'no Host', get('X: y\r\n')],
  ['U6 B4', 'NUL in a value', get(`Host: ${ROW_HOST}\r\nX: a\x00b\r\n`)],
  ['U6 B4', 'a bell in a value', get(`Host: ${ROW_HOST}\r\nX: a\x07b\r\n`)],
  ['U6 B4', 'DEL in a value', get(`Host: ${ROW_HOST}\r\nX: a\x7fb\r\n`)],
  ['U6 B4', 'a bare CR in a value', get(`Host: ${ROW_HOST}\r\nX: a\rb\r\n`)],
  ['U6 B4', 'a bare CR that would begin a field', get(`Host: ${ROW_HOST}\r\nX: a\rContent-Length: 5\r\n`)],
  ['U6 B4', 'a bare LF in a value', get(`Host: ${ROW_HOST}\r\nX: a\nb: c\r\n`)],
  ['U6 B4', 'obs-fold', get(`Host: ${ROW_HOST}\r\nX: a\r\n b\r\n`)],
  ['U6 B4', 'a folded Host', get('Host:\r\n a\r\n')],
  ['U6 B4', 'space before the colon', get(`Host: ${ROW_HOST}\r\nX : b\r\n`)],
  ['U6 B4', 'tab before the colon', get(`Host: ${ROW_HOST}\r\nX\t: b\r\n`)],
  ['U6 B4', 'no colon', get(`Host: ${ROW_HOST}\r\nnonsense\r\n`)],
  ['U6 B4', 'a name with a bracket', get(`Host: ${ROW_HOST}\r\nx[y: b\r\n`)],
  ['U6 B4', 'a name with a byte above 0x7f', get(`Host: ${ROW_HOST}\r\nx\xeby: b\r\n`)],
  ['U6 B4', 'whitespace before the first field', get(` X: y\r\nHost: ${ROW_HOST}\r\n`)],
  ['B4', 'bare LF after the request line', `GET /a HTTP/1.1\nHost: ${ROW_HOST}\r\n\r\n${HIDDEN}`],
  ['B4', 'bare LF after a field', `GET /a HTTP/1.1\r\nHost: ${ROW_HOST}\nX: y\r\n\r\n${HIDDEN}`],
  ['B4', 'bare CR after the request line', `GET /a HTTP/1.1\rHost: ${ROW_HOST}\r\n\r\n${HIDDEN}`],
]

/**
 * An empty name (https://www.rfc-editor.org/rfc/rfc9112#section-5.1 wants 400). As built, uWS 20.57 takes it for the end of its list:
 * neither its own framing nor the guard would see what follows; so its code is mended where it is known.
 */
export const NAMELESS: readonly Row[] = [
  ['U6 B4', 'no name', get(`Host: ${ROW_HOST}\r\n: b\r\n`)],
  ['U6 B4', 'no name, and a second Host behind it', get(`Host: ${ROW_HOST}\r\n: b\r\nHost: b\r\n`)],
  ['U6 B4', 'no name, and a length behind it', post(`: b\r\nContent-Length: ${HIDDEN.length}\r\n`, HIDDEN)],
  [
    'U6 B4',
    'no name, and the length of a GET behind it',
    `GET /a HTTP/1.1\r\nHost: ${ROW_HOST}\r\n: b\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
  ],
  ['U6 B4', 'no name and no value', get(`Host: ${ROW_HOST}\r\n:\r\n`)],
  ['U6 B4', 'no name before Host', get(`: b\r\nHost: ${ROW_HOST}\r\n`)],
]

/** Framing and fields that every acceptor refuses. */
export const FRAMING: readonly Row[] = [...LENGTHS, ...CODINGS, ...FIELDS]
