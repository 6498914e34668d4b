import type { Row } from './framing-table.js'
import { HIDDEN, ROW_HOST } from './row-runner.js'

/** A request with this chunked body. */
export const chunked = (body: string): string =>
  `POST /a HTTP/1.1\r\nHost: ${ROW_HOST}\r\nTransfer-Encoding: chunked\r\n\r\n${body}`

/** Bodies that are no chunked coding: the hidden request stands where a lenient reader takes it for the next one. */
export const BROKEN_CHUNKS: readonly Row[] = (
  [
    ['U3 B3', 'two bytes instead of the last CRLF', `0\r\nXX${HIDDEN}`],
    ['U3 B3', 'two bytes instead of the last CRLF, after data', `5\r\nhello\r\n0\r\nXX${HIDDEN}`],
    ['U3 B3', 'a request as trailer section', `0\r\n${HIDDEN}`],
    ['U4 B3', 'a bare semicolon', `5;\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a letter beyond f', `g\r\n0123456789abcdef\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'an at sign', `@\r\n0123456789abcdef\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a bare LF after the size', `5\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a bare CR after the size', `5\rhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'other bytes than CRLF after data', `5\r\nhelloXX0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a bare LF after data', `5\r\nhello\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'nothing after data', `5\r\nhello0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'an empty size', `\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'an empty size at the end', `5\r\nhello\r\n\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a plus', `+5\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a minus', `-1\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a hexadecimal prefix', `0x5\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'an underscore', `1_0\r\n0123456789abcdef\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a space before the size', ` 5\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['U4 B3', 'a space after the size', `5 \r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'more data than announced', `5\r\nhello!!\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'a size of 2^68', `100000000000000000\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'a size that is 5 modulo 2^64', `10000000000000005\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'NUL in an extension', `5;a\x00\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'a bare LF in an extension', `5;a\nb\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'a bare CR in an extension', `5;a\rb\r\nhello\r\n0\r\n\r\n${HIDDEN}`],
    ['B3', 'a bare LF after the last size', `5\r\nhello\r\n0\n\r\n${HIDDEN}`],
    ['B3', 'a bare LF as empty trailer', `5\r\nhello\r\n0\r\n\n${HIDDEN}`],
  ] as const
).map(([id, what, body]) => [id, what, chunked(body)])
