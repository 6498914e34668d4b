import { copyIntoShared, readLatin1, writeLatin1 } from '../memory/index.js'
import { bodyView, HEAD } from './frames.js'
import type { Mailbox } from './mailbox.js'
import { RingCorrupt, type RingReader } from './ring-reader.js'

/** How the answer of a session begins, laid out as a session is: see `open-frame.ts`. */
export interface HeadFrame {
  readonly status: number
  readonly statusText: string
  readonly headerBlock: string
  readonly contentLength: number | null
  /** The frame holds the whole answer. */
  readonly complete: boolean
  /** The worker wants a SENT frame (its `logging` phase waits for it). */
  readonly wantSent: boolean
}

/** contentLength: a double; length of the status text: 24 bits; of the gap before the body: 8 bits. */
const HEAD_NUMBERS_BYTES = 12
const GAP_SHIFT = 24
const STATUS_TEXT_MASK = (1 << GAP_SHIFT) - 1
const UNKNOWN_LENGTH = -1

const HEAD_COMPLETE = 0x10000
const HEAD_WANT_SENT = 0x20000
const STATUS_MASK = 0xffff

/**
 * Writes a head, and with it the whole `body` when `head.complete`.
 * @returns false when it is larger than any frame: nothing was written
 */
export function writeHead(
  mailbox: Mailbox,
  slot: number,
  generation: number,
  head: HeadFrame,
  body: Uint8Array | null,
): boolean {
  const flags = (head.complete ? HEAD_COMPLETE : 0) | (head.wantSent ? HEAD_WANT_SENT : 0)
  const text = head.statusText + head.headerBlock
  const textBytes = text.length
  const textEnd = HEAD_NUMBERS_BYTES + textBytes
  // Payloads begin at a word: so the body lies as far from one as where it comes from, see copyIntoShared.
  const gap = body === null ? 0 : (body.byteOffset - textEnd) & 7
  const size = textEnd + gap + (body?.length ?? 0)
  if (size > mailbox.maxPayloadBytes) return false
  const at = mailbox.reserve(HEAD, slot, generation, size, textBytes, head.status | flags)
  const bytes = mailbox.target
  bytes.writeDoubleLE(head.contentLength ?? UNKNOWN_LENGTH, at)
  bytes.writeInt32LE(head.statusText.length | (gap << GAP_SHIFT), at + 8)
  writeLatin1(bytes, text, at + HEAD_NUMBERS_BYTES)
  if (body !== null) copyIntoShared(bytes, at + textEnd + gap, body)
  return true
}

/** @throws RingCorrupt when the frame's parts do not fit into it */
export function readHead(frame: RingReader): HeadFrame {
  const { bytes, offset, length, a: textBytes, b: status } = frame
  if (textBytes < 0 || HEAD_NUMBERS_BYTES + textBytes > length) {
    throw new RingCorrupt(`${textBytes} bytes of text in a frame of ${length}`)
  }
  const contentLength = bytes.readDoubleLE(offset)
  const statusTextLength = bytes.readInt32LE(offset + 8) & STATUS_TEXT_MASK
  if (statusTextLength > textBytes)
    throw new RingCorrupt(`a status text of ${statusTextLength} bytes in ${textBytes} of text`)
  const textAt = offset + HEAD_NUMBERS_BYTES
  const blockAt = textAt + statusTextLength
  return {
    status: status & STATUS_MASK,
    statusText: isOk(bytes, textAt, statusTextLength) ? 'OK' : readLatin1(bytes, textAt, blockAt),
    headerBlock: readLatin1(bytes, blockAt, textAt + textBytes),
    contentLength: contentLength === UNKNOWN_LENGTH ? null : contentLength,
    complete: (status & HEAD_COMPLETE) !== 0,
    wantSent: (status & HEAD_WANT_SENT) !== 0,
  }
}

/** The body that came with a complete head, null if none did: a view as of {@link bodyView}. */
export function headBody(frame: RingReader): Uint8Array | null {
  const gap = frame.bytes.readInt32LE(frame.offset + 8) >>> GAP_SHIFT
  const bodyAt = HEAD_NUMBERS_BYTES + frame.a + gap
  return frame.length > bodyAt ? bodyView(frame, bodyAt) : null
}

/** As for GET in `open-frame.ts`. */
function isOk(bytes: Buffer, at: number, length: number): boolean {
  return length === 2 && bytes[at] === 0x4f && bytes[at + 1] === 0x4b
}
