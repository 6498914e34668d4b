import { HIDDEN, ROW_HOST } from './row-runner.js'

/** A request with this request line, and a hidden one behind it. */
export const line = (text: string): string => `${text}\r\nHost: ${ROW_HOST}\r\n\r\n${HIDDEN}`

/** Request line to refuse: id, what is wrong, line, statuses that may be answered. */
type TargetRow = readonly [id: string, what: string, requestLine: string, statuses: readonly number[]]

export const REQUEST_LINES: readonly TargetRow[] = [
  ['U8 B13', 'absolute-form', 'GET http://internal/a HTTP/1.1', [400, 421, 505]],
  ['U8 B13', 'absolute-form of the own host', 'GET http://a/ HTTP/1.1', [400, 421, 505]],
  ['B13', 'another scheme', 'GET file:///etc/passwd HTTP/1.1', [400, 421, 505]],
  ['U8 B13', 'CONNECT', 'CONNECT a:443 HTTP/1.1', [400, 405, 501, 505]],
  ['B13', 'authority-form with GET', 'GET a:80 HTTP/1.1', [400, 505]],
  ['B13', 'TRACE', 'TRACE / HTTP/1.1', [400, 405, 501]],
  ['B13', 'an asterisk with GET', 'GET * HTTP/1.1', [400, 505]],
  ['U9 B14', 'a fragment', 'GET /a#frag HTTP/1.1', [400]],
  ['U9 B14', 'a byte above 0x7f', 'GET /\x80 HTTP/1.1', [400]],
  ['U9 B14', 'overlong UTF-8', 'GET /\xc0\xaf HTTP/1.1', [400]],
  ['U9 B14', 'a NUL', 'GET /\x00 HTTP/1.1', [400]],
  ['U9 B14', 'DEL', 'GET /\x7f HTTP/1.1', [400]],
  ['U9 B14', 'an escaped NUL in the path', 'GET /a%00b HTTP/1.1', [400]],
  ['U9 B14', 'a backslash', 'GET /\\host HTTP/1.1', [400]],
  ['U9 B14', 'an escape that is none', 'GET /%zz HTTP/1.1', [400]],
  ['U9 B14', 'a space', 'GET /a b HTTP/1.1', [400, 505]],
  ['U9 B14', 'no target', 'GET HTTP/1.1', [400, 505]],
  ['U10', 'a method in lower case', 'get / HTTP/1.1', [400, 405, 501]],
  ['U10', 'a method that is no token', 'G@T / HTTP/1.1', [400, 405, 501]],
  ['U10', 'an unknown method', 'FOOBAR / HTTP/1.1', [400, 405, 501]],
  ['U10', 'a method that begins like a known one', 'GETS / HTTP/1.1', [400, 405, 501]],
  ['U10', 'a tab behind the method', 'GET\t/ HTTP/1.1', [400, 505]],
  ['U8 B13', 'HTTP/2.0', 'GET / HTTP/2.0', [400, 505]],
  ['U8 B13', 'HTTP/1.2', 'GET / HTTP/1.2', [400, 505]],
  ['U8 B13', 'HTTP/1', 'GET / HTTP/1', [400, 505]],
  ['U8 B13', 'http/1.1', 'GET / http/1.1', [400, 505]],
  ['U8 B13', 'HTTP/0.9', 'GET /', [400, 505]],
]
