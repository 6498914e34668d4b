import { copyIntoShared, readLatin1, writeLatin1 } from '../memory/index.js'
import type { Mailbox } from './mailbox.js'
import { RingCorrupt, type RingReader } from './ring-reader.js'

/** Acceptor → worker: a new session. */
export const OPEN = 1
/** Both ways: a piece of body; `a` is 1 on the last piece of a request body. */
export const BODY = 2
/** Both ways: the receiver of a body has taken `a` bytes more. */
export const CREDIT = 3
/** Acceptor → worker: the client left, or `a` is the status with which the acceptor has refused the rest of its request. */
export const ABORT = 4
/** Acceptor → worker: the answer was given to the socket; payload: the time as a double. */
export const SENT = 5
/** Worker → acceptor: status and header block, and the whole body when it is at hand. */
export const HEAD = 6
/** Worker → acceptor: the answer is complete; payload: trailer block. */
export const END = 7
/**
 * Worker → acceptor: the answer broke off; after its head the client connection must not look complete, before it an
 * error is answered.
 */
export const FAIL = 8
/** Worker → acceptor: a 1xx answer; `a` is the status, payload the header block. */
export const INFO = 9

/** Bytes of body under way per session and direction before the receiver grants more. */
export const WINDOW_BYTES = 256 * 1024
/** Longest body piece in one frame. */
export const MAX_BODY_PIECE_BYTES = 64 * 1024

/**
 * The piece of a BODY frame: a view, valid during the frame. Not a Buffer, so
 * that `slice` copies, as its type says.
 */
export function bodyView(frame: RingReader, skipBytes = 0): Uint8Array {
  const { memory, bytes, offset, length } = frame
  return new Uint8Array(memory, bytes.byteOffset + offset + skipBytes, length - skipBytes)
}

/** Cuts `chunk` into frames of at most {@link MAX_BODY_PIECE_BYTES}, or of what the ring takes. */
export function writeBody(
  mailbox: Mailbox,
  slot: number,
  generation: number,
  chunk: Uint8Array,
  last: boolean,
): void {
  const pieceBytes = Math.min(MAX_BODY_PIECE_BYTES, mailbox.maxPayloadBytes)
  let at = 0
  do {
    const end = Math.min(at + pieceBytes, chunk.length)
    const isLast = last && end === chunk.length
    const offset = mailbox.reserve(BODY, slot, generation, end - at, isLast ? 1 : 0)
    if (end > at)
      copyIntoShared(
        mailbox.target,
        offset,
        at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end),
      )
    at = end
  } while (at < chunk.length)
}

/** @returns false when the text is larger than any frame: nothing was written */
export function writeText(
  mailbox: Mailbox,
  kind: number,
  slot: number,
  generation: number,
  text: string,
  a = 0,
): boolean {
  if (text.length > mailbox.maxPayloadBytes) return false
  const at = mailbox.reserve(kind, slot, generation, text.length, a)
  writeLatin1(mailbox.target, text, at)
  return true
}

export function readText(frame: RingReader): string {
  return readLatin1(frame.bytes, frame.offset, frame.offset + frame.length)
}

/**
 * Wakes nobody: what the worker does with it can wait for its next turn.
 * @param sentMs when the last byte was given to the socket, or -1 if the client left before.
 */
export function writeSent(mailbox: Mailbox, slot: number, generation: number, sentMs: number): void {
  const at = mailbox.reserveQuietly(SENT, slot, generation, 8)
  mailbox.target.writeDoubleLE(sentMs, at)
}

/** @throws RingCorrupt */
export function readSent(frame: RingReader): number {
  if (frame.length !== 8) throw new RingCorrupt(`a time of ${frame.length} bytes`)
  return frame.bytes.readDoubleLE(frame.offset)
}
