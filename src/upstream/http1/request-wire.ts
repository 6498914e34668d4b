import type { Socket } from 'node:net'
import { requestHead } from './request-head.js'
import type { UpstreamRequest } from './types.js'

/** Bodies up to this size are joined to the head as text, larger ones as bytes. */
const SMALL_BODY_BYTES = 4096

/** What ends a chunked body; no trailers are sent. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1')

/** Writes the head, and the whole body if it is at hand, in one go. */
export function writeRequest(socket: Socket, request: UpstreamRequest): void {
  const head = requestHead(request)
  const bytes = request.bodyBytes
  if (request.body.kind === 'chunked' && bytes !== undefined) {
    if (bytes.length === 0) socket.write(`${head}0\r\n\r\n`, 'latin1')
    else socket.write(joined(`${head}${bytes.length.toString(16)}\r\n`, bytes, '\r\n0\r\n\r\n'))
  } else if (bytes === undefined || bytes.length === 0) socket.write(head, 'latin1')
  else if (bytes.length <= SMALL_BODY_BYTES) socket.write(head + asText(bytes), 'latin1')
  else socket.write(joined(head, bytes, ''))
}

/** One chunk of a chunked body (RFC 9112 §7.1), copied. The bytes must not be empty: that would end the body. */
export function encodeChunk(chunk: Uint8Array): Buffer {
  return joined(`${chunk.length.toString(16)}\r\n`, chunk, '\r\n')
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function joined(before: string, bytes: Uint8Array, after: string): Buffer {
  const wire = Buffer.allocUnsafe(before.length + bytes.length + after.length)
  wire.write(before, 0, 'latin1')
  wire.set(bytes, before.length)
  wire.write(after, before.length + bytes.length, 'latin1')
  return wire
}
