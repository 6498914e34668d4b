import type { Socket } from 'node:net'
import { gatewayFields } from '../gateway-fields.js'
import { REFUSALS } from '../guard/index.js'
import { refusalAnswer } from '../refusal-answer.js'
import type { Refusal } from '../types.js'

/** What Node's HTTP server passes to `clientError`. */
export interface ClientError extends Error {
  readonly code?: string
  readonly rawPacket?: Buffer
}

const METHOD_TOKEN = /^(?:\r?\n)*[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} \S+ HTTP\/1\.[01]\r\n/

/** Why a request that Node's parser gave up on is refused; null when there is nobody to tell. */
export function parserRefusal(error: ClientError, socket: Socket): Refusal | null {
  if (!socket.writable || error.code === 'ECONNRESET' || error.code === 'EPIPE') return null
  // A connection that never said anything: closed without a word.
  if (socket.bytesRead === 0) return null
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW':
      return REFUSALS.fieldBytes
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return REFUSALS.headTimeout
    case 'HPE_INVALID_METHOD': {
      const start = error.rawPacket?.toString('latin1', 0, 4096) ?? ''
      return METHOD_TOKEN.test(start) ? REFUSALS.methodUnknown : REFUSALS.malformed
    }
    default:
      return REFUSALS.malformed
  }
}

/** Answers on the bare socket, for requests that never became one, and closes. */
export function answerOnSocket(socket: Socket, refusal: Refusal, requestId: string): void {
  const answer = refusalAnswer(refusal, requestId)
  const head =
    `HTTP/1.1 ${answer.status} ${answer.statusText}\r\n${answer.headerBlock}${gatewayFields(requestId)}` +
    `date: ${new Date().toUTCString()}\r\nconnection: close\r\ncontent-length: ${answer.body.length}\r\n\r\n`
  socket.write(Buffer.concat([Buffer.from(head, 'latin1'), answer.body]))
  socket.destroySoon()
}
