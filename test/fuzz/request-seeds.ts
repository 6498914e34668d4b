import { readdirSync, readFileSync } from 'node:fs'
import { bytesOf, type Http11Case } from '../conformance/http11-evaluator.js'

const FIXTURES = new URL('../fixtures/', import.meta.url)

/** Whole requests in every framing, some behind each other on one connection. */
const OWN = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /a?b=c HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\nCookie: a=b; c=d\r\nX-One: 1\r\nX-One: 2\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /next HTTP/1.1\r\nHost: b\r\n\r\n',
  'PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n',
  'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nX-T: v\r\n\r\nGET /next HTTP/1.1\r\nHost: b\r\n\r\n',
  'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n22\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\nab\r\n0\r\n\r\n',
  'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 34\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\nab',
  'HEAD /h HTTP/1.1\r\nHost: a\r\n\r\nGET /g HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'GET /a/./b/../c//d%41%2e%7e?x=%2f HTTP/1.1\r\nHost: a\r\n\r\n',
  'DELETE /d HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Stay: 2\r\n\r\n',
  'GET /f HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 other\r\nX-Request-Id: abc\r\n\r\n',
  'POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
  'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\nGET /old2 HTTP/1.0\r\n\r\n',
  'GET /u HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  'GET /obs HTTP/1.1\r\nHost: a\r\nX-Text: caf\xc3\xa9 \xe9\r\nX-Empty:\r\nX-Tab:\ta\tb\t\r\n\r\n',
  'POST /both HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcdGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET http://other/x HTTP/1.1\r\nHost: a\r\n\r\n',
] as const

/** Words of the language of requests, right and nearly right. */
export const REQUEST_WORDS = [
  ...[
    'GET ',
    'POST ',
    'HEAD ',
    'get ',
    ' HTTP/1.1',
    ' HTTP/1.0',
    'HTTP/1.1\r\n',
    'HTTP/2.0',
    'PRI * HTTP/2.0\r\n\r\n',
  ],
  ...['Host: a\r\n', 'Host: b\r\n', 'Host:\r\n', 'host : a\r\n', 'Host: a, b\r\n', 'Host: [::1]:80\r\n'],
  ...[
    'Content-Length: 0\r\n',
    'Content-Length: 5\r\n',
    'Content-Length : 5\r\n',
    'Content-Length: 5, 5\r\n',
    'content_length: 5\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding : chunked\r\n',
  ],
  ...[
    'Transfer-Encoding:\r\n chunked\r\n',
    'transfer_encoding: chunked\r\n',
    'chunked',
    'identity',
    'xchunked',
    ', chunked',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: host, content-length\r\n',
    'Connection: abcde\r\n',
  ],
  ...[
    'Connection: transfer-encoding\r\n',
    'Connection: upgrade\r\nUpgrade: h2c\r\n',
    'Expect: 100-continue\r\n',
    'Trailer: X\r\n',
  ],
  ...[': x\r\n', 'X: \r\n', 'X: y\r\n z\r\n', 'X: y\rZ: w\r\n', 'X: y\nZ: w\r\n', 'X\0: y\r\n', 'X: \0\r\n'],
  ...[
    '0\r\n\r\n',
    '0\r\n',
    '1\r\na\r\n',
    '5\r\nhello\r\n',
    '0;a=b\r\n\r\n',
    '\r\n\r\n',
    '\n\n',
    '\r\r\n',
    '\r\n ',
    '\r\n\t',
    'ffffffff\r\n',
  ],
  ...[
    'GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n',
    '/../',
    '/./',
    '//',
    '%2e%2e/',
    '%2f',
    '%00',
    '%41',
    '?',
    '#',
    '\\',
    ';',
    '*',
    '%',
  ],
  ...['http://h/', '\x80', '\xff', '\xc0\xaf', '\u00a0', '\xef\xbb\xbf'],
] as const

/** What an earlier run has found: `test/fixtures/fuzz/<side>`, one message a file. */
export function found(side: 'requests' | 'responses'): { readonly name: string; readonly text: string }[] {
  const folder = new URL(`fuzz/${side}/`, FIXTURES)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.http'))
    .sort()
    .map((name) => ({ name, text: readFileSync(new URL(name, folder), 'latin1') }))
}

/** Our own, the recorded cases, and earlier finds. */
export function requestSeeds(): string[] {
  const { cases } = JSON.parse(readFileSync(new URL('http11/cases.json', FIXTURES), 'utf8')) as {
    readonly cases: readonly Http11Case[]
  }
  const recorded = cases.flatMap(({ steps }) =>
    steps.map((groups) => groups.map(({ send }) => bytesOf(send).toString('latin1')).join('')),
  )
  // Those that are long only to pass a limit teach nothing else.
  return [
    ...OWN,
    ...recorded.filter((text) => text.length < 2_000),
    ...found('requests').map(({ text }) => text),
  ]
}
