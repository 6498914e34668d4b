import { found } from './request-seeds.js'

/** Responses in every framing, with what stands around them. */
const OWN = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-One: 1\r\nX-One: 2\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y;z="q"\r\n world\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\nA\r\n0123456789\r\n0\r\nX-T: v\r\n\r\n',
  'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end',
  'HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\nno!',
  'HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n',
  'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 123\r\nETag: "a"\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello',
  'HTTP/1.0 200 OK\r\n\r\nold and to the end',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
  'HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Text: caf\xc3\xa9 \xe9\r\nX-Empty:\r\nContent-Length: 1\r\n\r\nx',
  'HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d; Path=/\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1\r\n\r\nx',
] as const

/** Words of the language of responses, right and nearly right. */
export const RESPONSE_WORDS = [
  ...[
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 200\r\n',
    'HTTP/1.1 ',
    'HTTP/1.0 ',
    'HTTP/2.0 ',
    '100',
    '101',
    '103',
    '204',
    '205',
    '304',
    '600',
    '099',
  ],
  ...[
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
    'Content-Length: 0\r\n',
    'Content-Length: 5\r\n',
  ],
  ...[
    'Content-Length : 5\r\n',
    'Content-Length: 5, 5\r\n',
    'Content-Length:\r\n',
    'Content-Length: +5\r\n',
    'content_length: 5\r\n',
  ],
  ...[
    'Transfer-Encoding: chunked\r\n',
    'Transfer-Encoding: gzip, chunked\r\n',
    'Transfer-Encoding: chunked, identity\r\n',
  ],
  ...[
    'Transfer-Encoding : chunked\r\n',
    'Transfer-Encoding:\r\n chunked\r\n',
    'chunked',
    'identity',
    'xchunked',
    ', chunked',
    'close',
    'keep-alive',
  ],
  ...[
    'Connection: close\r\n',
    'Connection: keep-alive\r\n',
    'Connection: content-length\r\n',
    'Connection: upgrade\r\nUpgrade: h2c\r\n',
  ],
  ...[
    'Keep-Alive: timeout=0\r\n',
    'Trailer: X\r\n',
    ': x\r\n',
    'X: \r\n',
    'X: y\r\n z\r\n',
    'X: y\rZ: w\r\n',
    'X: y\nZ: w\r\n',
    'X\0: y\r\n',
  ],
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
    '"',
    '\\',
    ';',
  ],
  ...['\x80', '\xff', '\xa0', '\0', '\x0b', '\xef\xbb\xbf'],
] as const

export function responseSeeds(): string[] {
  return [...OWN, ...found('responses').map(({ text }) => text)]
}
