import { Packr, Unpackr } from 'msgpackr/pack'
import { copyIntoShared, readLatin1, writeLatin1 } from '../memory/index.js'
import type { ClientCertificate } from '../session/client-certificate.js'
import type { Mailbox } from './mailbox.js'
import { RingCorrupt, type RingReader } from './ring-reader.js'

/*
 * What crosses between acceptor and worker. The numbers that every session has lie at fixed places, the text (method, target,
 * header block and the like, one character per byte) flat behind them: packing the numbers with msgpackr cost 3 of the 5 µs of a
 * session's codec (see BENCHMARKS.md). msgpackr packs what few sessions have. Its native string extractor throws on
 * shared buffers and falls back through an exception, 20 to 40 µs a message. `msgpackr/pack` comes without it, but one
 * import of plain `msgpackr` by any module of the thread, a filter for instance, switches it on for all: so what is unpacked is
 * copied out of shared memory before.
 */

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

const packr = new Packr({ useRecords: false, moreTypes: false })
const unpackr = new Unpackr({ useRecords: false, moreTypes: false })

/** A session as it is handed over. */
export interface OpenFrame {
  readonly method: string
  readonly target: string
  /** The worker adds its own fields in place: a copy of the whole would cost more than the rest of the hand-over. */
  headerBlock: string
  readonly remoteAddress: string
  readonly requestId: string
  readonly startMs: number
  /** Index of the route in the configuration. */
  readonly route: number
  /** As in `RequestHead.contentLength`. */
  readonly contentLength: number
  /** As in `RequestHead.upgrade`. */
  readonly upgrade: string
  /** As in `RequestHead.endsWebSocket`. */
  readonly endsWebSocket?: boolean | undefined
  /** Forwarding fields that the acceptor has made, for a request that came through trusted proxies; none for any other. */
  readonly forwarding?: string | undefined
  readonly clientCertificate?: ClientCertificate | undefined
  /** Set by the worker: it is the same for all. */
  scheme?: 'http' | 'https' | undefined
}

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

/** What few sessions have, packed behind the text of OPEN only where there is something. */
interface OpenExtras {
  readonly upgrade?: string
  readonly endsWebSocket?: boolean
  readonly forwarding?: string
  readonly clientCertificate?: ClientCertificate
}

/** startMs, contentLength: doubles; route, and the lengths of id, address, method and target: 32 bits each. */
const OPEN_NUMBERS_BYTES = 36
/** contentLength: a double; length of the status text: 32 bits. */
const HEAD_NUMBERS_BYTES = 12
const UNKNOWN_LENGTH = -1

const HEAD_COMPLETE = 0x10000
const HEAD_WANT_SENT = 0x20000
const STATUS_MASK = 0xffff

/** @returns false when the ring is full: the session is refused. */
export function writeOpen(mailbox: Mailbox, slot: number, generation: number, open: OpenFrame): boolean {
  const { method, remoteAddress, requestId, target, headerBlock } = open
  const extras = packExtras(open, open.forwarding ?? '')
  const text = requestId + remoteAddress + method + target + headerBlock
  const textBytes = text.length
  const size = OPEN_NUMBERS_BYTES + textBytes + (extras?.length ?? 0)
  const at = mailbox.tryReserve(OPEN, slot, generation, size, textBytes)
  if (at < 0) return false
  const bytes = mailbox.target
  bytes.writeDoubleLE(open.startMs, at)
  bytes.writeDoubleLE(open.contentLength, at + 8)
  bytes.writeInt32LE(open.route, at + 16)
  bytes.writeInt32LE(requestId.length, at + 20)
  bytes.writeInt32LE(remoteAddress.length, at + 24)
  bytes.writeInt32LE(method.length, at + 28)
  bytes.writeInt32LE(target.length, at + 32)
  writeLatin1(bytes, text, at + OPEN_NUMBERS_BYTES)
  if (extras !== null) bytes.set(extras, at + OPEN_NUMBERS_BYTES + textBytes)
  return true
}

function packExtras(open: OpenFrame, forwarding: string): Uint8Array | null {
  const { upgrade, endsWebSocket, clientCertificate } = open
  if (upgrade === '' && forwarding === '' && clientCertificate === undefined) return null
  const extras: OpenExtras = {
    ...(upgrade === '' ? {} : { upgrade }),
    ...(endsWebSocket === true ? { endsWebSocket } : {}),
    ...(forwarding === '' ? {} : { forwarding }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
  }
  return packr.pack(extras)
}

/** @throws RingCorrupt when the frame's parts do not fit into it */
export function readOpen(frame: RingReader): OpenFrame {
  const { bytes, offset, length, a: textBytes } = frame
  const textAt = offset + OPEN_NUMBERS_BYTES
  const extrasBytes = length - OPEN_NUMBERS_BYTES - textBytes
  if (textBytes < 0 || extrasBytes < 0)
    throw new RingCorrupt(`${textBytes} bytes of text in a frame of ${length}`)
  const addressAt = bytes.readInt32LE(offset + 20)
  const methodAt = addressAt + bytes.readInt32LE(offset + 24)
  const targetAt = methodAt + bytes.readInt32LE(offset + 28)
  const blockAt = targetAt + bytes.readInt32LE(offset + 32)
  const text = readLatin1(bytes, textAt, textAt + textBytes)
  const extras = extrasBytes === 0 ? null : readExtras(frame, textAt + textBytes)
  return {
    method: text.slice(methodAt, targetAt),
    remoteAddress: text.slice(addressAt, methodAt),
    requestId: text.slice(0, addressAt),
    upgrade: extras?.upgrade ?? '',
    endsWebSocket: extras?.endsWebSocket,
    forwarding: extras?.forwarding,
    clientCertificate: extras?.clientCertificate,
    scheme: undefined,
    target: text.slice(targetAt, blockAt),
    headerBlock: text.slice(blockAt),
    startMs: bytes.readDoubleLE(offset),
    route: bytes.readInt32LE(offset + 16),
    contentLength: bytes.readDoubleLE(offset + 8),
  }
}

function readExtras(frame: RingReader, at: number): OpenExtras {
  const packed = Uint8Array.from(frame.bytes.subarray(at, frame.offset + frame.length))
  try {
    return unpackr.unpack(packed) as OpenExtras
  } catch (cause) {
    throw new RingCorrupt(`${packed.length} bytes behind the text of a session are nothing that was packed`, {
      cause,
    })
  }
}

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
  const size = HEAD_NUMBERS_BYTES + textBytes + (body?.length ?? 0)
  if (size > mailbox.maxPayloadBytes) return false
  const at = mailbox.reserve(HEAD, slot, generation, size, textBytes, head.status | flags)
  const bytes = mailbox.target
  bytes.writeDoubleLE(head.contentLength ?? UNKNOWN_LENGTH, at)
  bytes.writeInt32LE(head.statusText.length, at + 8)
  writeLatin1(bytes, text, at + HEAD_NUMBERS_BYTES)
  if (body !== null) copyIntoShared(bytes, at + HEAD_NUMBERS_BYTES + textBytes, body)
  return true
}

/** @throws RingCorrupt when the frame's parts do not fit into it */
export function readHead(frame: RingReader): HeadFrame {
  const { bytes, offset, length, a: textBytes, b: status } = frame
  if (textBytes < 0 || HEAD_NUMBERS_BYTES + textBytes > length) {
    throw new RingCorrupt(`${textBytes} bytes of text in a frame of ${length}`)
  }
  const contentLength = bytes.readDoubleLE(offset)
  const statusTextLength = bytes.readInt32LE(offset + 8)
  const textAt = offset + HEAD_NUMBERS_BYTES
  const text = readLatin1(bytes, textAt, textAt + textBytes)
  return {
    status: status & STATUS_MASK,
    statusText: text.slice(0, statusTextLength),
    headerBlock: text.slice(statusTextLength),
    contentLength: contentLength === UNKNOWN_LENGTH ? null : contentLength,
    complete: (status & HEAD_COMPLETE) !== 0,
    wantSent: (status & HEAD_WANT_SENT) !== 0,
  }
}

/** The body that came with a complete head, null if none did: a view as of {@link bodyView}. */
export function headBody(frame: RingReader): Uint8Array | null {
  const bodyAt = HEAD_NUMBERS_BYTES + frame.a
  return frame.length > bodyAt ? bodyView(frame, bodyAt) : null
}

/**
 * The piece of a BODY frame: a view, valid during the frame. Not a Buffer, so
 * that `slice` copies, as its type says.
 */
export function bodyView(frame: RingReader, skipBytes = 0): Uint8Array {
  const { bytes, offset, length } = frame
  return new Uint8Array(bytes.buffer, bytes.byteOffset + offset + skipBytes, length - skipBytes)
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
