import { isAscii } from '../answer-rules.js'
import { gatewayFields } from '../gateway-fields.js'
import type { UwsBytes, UwsResponse } from './native-types.js'

/** Status and fields of one answer, as they came from the owner. */
export interface AnswerHead {
  readonly status: number
  readonly statusText: string
  readonly headerBlock: string
}

/** How the connection goes on behind an answer: it is kept, */
export const KEEPS = 0
/** or has to be closed, */
export const CLOSES = 1
/** or uWS closes it by itself: it has seen the client's `Connection: close`, and then does not announce it. */
export const UWS_CLOSES = 2
/** or has to be closed, but only after the client has had time to read the answer: it is still sending its body. */
export const LINGERS = 3
export type Ending = typeof KEEPS | typeof CLOSES | typeof UWS_CLOSES | typeof LINGERS

const CLOSE = 'connection: close\r\n'

/**
 * Writes status line and fields. uWS writes what `writeHeader` is given as it is (U14), so the whole block goes through in one
 * call, behind the field that every answer has; the block is validated by contract (see `Downstream.respond`).
 *
 * @param announcesClose not where uWS is going to
 */
export function writeAnswerHead(
  response: UwsResponse,
  head: AnswerHead,
  requestId: string,
  announcesClose: boolean,
): void {
  // 200 OK is what uWS writes unasked.
  if (head.status !== 200 || head.statusText !== 'OK') {
    response.writeStatus(`${head.status} ${head.statusText}`)
  }
  const close = announcesClose ? CLOSE : ''
  response.writeHeader('via', bytesOf(fieldsBehindVia(head.headerBlock, close, requestId), head.headerBlock))
}

/** Value of Via and the lines behind it, the request id last. @param close field line, or '' */
export function fieldsBehindVia(headerBlock: string, close: string, requestId: string): string {
  return `1.1 headgate\r\n${headerBlock}${close}x-request-id: ${requestId}`
}

/**
 * Writes a whole answer with its body, in one call.
 *
 * @param ending with `LINGERS` the body must be empty
 * @returns whether uWS ended it; else it stays open in the eyes of uWS, and the connection has to be closed
 */
export function endWhole(
  response: UwsResponse,
  head: AnswerHead,
  body: Uint8Array | null,
  requestId: string,
  ending: Ending,
): boolean {
  if (ending === LINGERS) {
    writeBareAnswer(response, head, 0, requestId)
    return false
  }
  writeAnswerHead(response, head, requestId, ending === UWS_CLOSES)
  response.end(body ?? '', ending !== KEEPS)
  return true
}

/**
 * Writes a whole answer that has no body: to HEAD, or with status 204 or 304.
 *
 * @param contentLength what HEAD announces, null: nothing
 * @returns as {@link endWhole}. uWS cannot both announce no length and close: it would announce 2^63 bytes
 */
export function endWithoutBody(
  response: UwsResponse,
  head: AnswerHead,
  contentLength: number | null,
  requestId: string,
  ending: Ending,
): boolean {
  if (ending === LINGERS || (ending === CLOSES && contentLength === null)) {
    writeBareAnswer(response, head, contentLength, requestId)
    return false
  }
  writeAnswerHead(response, head, requestId, ending === UWS_CLOSES)
  if (contentLength === null) response.endWithoutBody()
  else response.endWithoutBody(contentLength, ending !== KEEPS)
  return true
}

/** Writes a head with its empty line, in which uWS has no part; `Connection: close` is announced. */
function writeBareAnswer(
  response: UwsResponse,
  head: AnswerHead,
  contentLength: number | null,
  requestId: string,
): void {
  response.writeStatus(`${head.status} ${head.statusText}`)
  const length = contentLength === null ? '' : `content-length: ${contentLength}\r\n`
  const block = `${head.headerBlock}${gatewayFields(requestId)}${length}${CLOSE}`
  response.writeHeader('date', bytesOf(`${new Date().toUTCString()}\r\n${block}`, head.headerBlock))
}

/**
 * Ends a chunked body by hand: last chunk and trailer section (RFC 9112 §7.1). The `end` of uWS cannot close the connection
 * after `write` without breaking the body. What uWS writes here is always a field line, so the request id serves as one.
 */
export function writeLastChunk(response: UwsResponse, requestId: string): void {
  response.writeHeader('\r\n0\r\nx-request-id', `${requestId}\r\n`)
}

/** uWS writes strings as UTF-8; ours hold a byte in each character. @param block the part of it that is not our own */
function bytesOf(text: string, block: string): UwsBytes {
  return isAscii(block) ? text : Buffer.from(text, 'latin1')
}
