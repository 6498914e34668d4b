import type { Socket } from 'node:net'
import { copyOutOfShared, giveSlab, takeSlab } from '../../memory/index.js'
import type { UpstreamRequest } from './types.js'

/** Bodies up to this size are joined to the head as text, larger ones as bytes. */
const SMALL_BODY_BYTES = 4096

/** What ends a chunked body; no trailers are sent. */
export const LAST_CHUNK = Buffer.from('0\r\n\r\n', 'latin1')

/** Writes the head of a request, and the whole body if it is at hand, in one go. */
export function writeRequest(socket: Socket, head: string, request: UpstreamRequest): void {
  const bytes = request.bodyBytes
  if (request.body.kind === 'chunked' && bytes !== undefined) {
    if (bytes.length === 0) socket.write(`${head}0\r\n\r\n`, 'latin1')
    else writeJoined(socket, `${head}${bytes.length.toString(16)}\r\n`, bytes, '\r\n0\r\n\r\n')
  } else if (bytes === undefined || bytes.length === 0) socket.write(head, 'latin1')
  else if (bytes.length <= SMALL_BODY_BYTES) socket.write(head + asText(bytes), 'latin1')
  else writeJoined(socket, head, bytes, '')
}

function writeJoined(socket: Socket, before: string, bytes: Uint8Array, after: string): void {
  const slab = takeSlab(before.length + bytes.length + after.length)
  const wire = joined(before, bytes, after, slab)
  if (slab === null) socket.write(wire)
  else socket.write(wire, () => giveSlab(slab))
}

/**
 * A piece of body as it goes on the wire, copied.
 * @param isChunked one chunk (RFC 9112 §7.1); then the piece must not be empty, for that would end the body
 * @param slab what to copy it into; null: memory of its own
 */
export function encodePiece(piece: Uint8Array, isChunked: boolean, slab: Buffer | null): Buffer {
  return isChunked
    ? joined(`${piece.length.toString(16)}\r\n`, piece, '\r\n', slab)
    : joined('', piece, '', slab)
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

function joined(before: string, bytes: Uint8Array, after: string, slab: Buffer | null): Buffer {
  const size = before.length + bytes.length + after.length
  const wire = slab === null ? Buffer.allocUnsafe(size) : slab.subarray(0, size)
  wire.write(before, 0, 'latin1')
  copyOutOfShared(wire, before.length, bytes)
  wire.write(after, before.length + bytes.length, 'latin1')
  return wire
}
