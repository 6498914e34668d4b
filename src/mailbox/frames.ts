import { Packr, Unpackr } from 'msgpackr/pack'
import type { Mailbox } from './mailbox.js'
import { RingCorrupt, type RingReader } from './ring-reader.js'

/*
 * What crosses between acceptor and worker. The envelope is a positional msgpackr array; beside it the text (method, target,
 * header block and the like, one character per byte) and the body lie flat in the frame, which costs less than half of packing them too
 * (see BENCHMARKS.md, codec). msgpackr's native string extractor throws on shared buffers and falls back through an exception,
 * 20 to 40 µs a message. `msgpackr/pack` comes without it, but one import of plain `msgpackr` by any module of the thread, a
 * filter for instance, switches it on for all: so an envelope is copied out of shared memory before it is read.
 */

/** Acceptor → worker: a new session. */
export const OPEN = 1
/** Both ways: a piece of body; `a` is 1 on the last piece of a request body. */
export const BODY = 2
/** Both ways: the receiver of a body has taken `a` bytes more. */
export const CREDIT = 3
/** Acceptor → worker: the client left. */
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

/** Kept between calls, as the unpacker keeps its DataView with it: cheaper than a view of the ring for each envelope. */
const scratch = Buffer.allocUnsafeSlow(4096)

/** What `packr` wrote at the start of the frame. @throws RingCorrupt when the frame's parts do not fit into it */
function readEnvelope(frame: RingReader): unknown {
  const { a: envelopeBytes, b: textBytes, offset, bytes } = frame
  if (envelopeBytes <= 0 || textBytes < 0 || envelopeBytes + textBytes > frame.length) {
    throw new RingCorrupt(`parts of ${envelopeBytes} and ${textBytes} bytes in a frame of ${frame.length}`)
  }
  const end = offset + envelopeBytes
  if (envelopeBytes > scratch.length) return unpackr.unpack(Uint8Array.from(bytes.subarray(offset, end)))
  bytes.copy(scratch, 0, offset, end)
  return unpackr.unpack(scratch, envelopeBytes)
}

/** A session as it is handed over. */
export interface OpenFrame {
  readonly method: string
  readonly target: string
  readonly headerBlock: string
  readonly remoteAddress: string
  readonly requestId: string
  readonly startMs: number
  /** Index of the route in the configuration. */
  readonly route: number
  /** As in `RequestHead.contentLength`. */
  readonly contentLength: number
  readonly upgrade: string
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

const HEAD_COMPLETE = 1
const HEAD_WANT_SENT = 2

/** @returns false when the ring is full: the session is refused. */
export function writeOpen(mailbox: Mailbox, slot: number, generation: number, open: OpenFrame): boolean {
  const { method, remoteAddress, requestId, upgrade, target, headerBlock } = open
  // Numbers only: decoding its strings would make up most of what msgpackr takes.
  const envelope = packr.pack([
    open.startMs,
    open.route,
    open.contentLength,
    method.length,
    remoteAddress.length,
    requestId.length,
    upgrade.length,
    target.length,
  ])
  const text = method + remoteAddress + requestId + upgrade + target + headerBlock
  const size = envelope.length + text.length
  const at = mailbox.tryReserve(OPEN, slot, generation, size, envelope.length, text.length)
  if (at < 0) return false
  mailbox.target.set(envelope, at)
  mailbox.target.write(text, at + envelope.length, text.length, 'latin1')
  return true
}

type OpenEnvelope = [number, number, number, number, number, number, number, number]

export function readOpen(frame: RingReader): OpenFrame {
  const [startMs, route, contentLength, methodLength, addressLength, idLength, upgradeLength, targetLength] =
    readEnvelope(frame) as OpenEnvelope
  const textAt = frame.offset + frame.a
  const text = frame.bytes.toString('latin1', textAt, textAt + frame.b)
  const addressAt = methodLength
  const idAt = addressAt + addressLength
  const upgradeAt = idAt + idLength
  const targetAt = upgradeAt + upgradeLength
  const blockAt = targetAt + targetLength
  return {
    method: text.slice(0, addressAt),
    remoteAddress: text.slice(addressAt, idAt),
    requestId: text.slice(idAt, upgradeAt),
    upgrade: text.slice(upgradeAt, targetAt),
    target: text.slice(targetAt, blockAt),
    headerBlock: text.slice(blockAt),
    startMs,
    route,
    contentLength,
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
  const envelope = packr.pack([head.status, head.statusText, head.contentLength, flags])
  const textBytes = head.headerBlock.length
  const size = envelope.length + textBytes + (body?.length ?? 0)
  if (size > mailbox.maxPayloadBytes) return false
  const at = mailbox.reserve(HEAD, slot, generation, size, envelope.length, textBytes)
  const bytes = mailbox.target
  bytes.set(envelope, at)
  bytes.write(head.headerBlock, at + envelope.length, textBytes, 'latin1')
  if (body !== null) bytes.set(body, at + envelope.length + textBytes)
  return true
}

type HeadEnvelope = [number, string, number | null, number]

export function readHead(frame: RingReader): HeadFrame {
  const envelopeEnd = frame.offset + frame.a
  const envelope = readEnvelope(frame) as HeadEnvelope
  return {
    status: envelope[0],
    statusText: envelope[1],
    headerBlock: frame.bytes.toString('latin1', envelopeEnd, envelopeEnd + frame.b),
    contentLength: envelope[2],
    complete: (envelope[3] & HEAD_COMPLETE) !== 0,
    wantSent: (envelope[3] & HEAD_WANT_SENT) !== 0,
  }
}

/**
 * The body that came with a complete head, or the piece of a BODY frame: a view, valid during the frame. Not a Buffer, so
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
      mailbox.target.set(at === 0 && end === chunk.length ? chunk : chunk.subarray(at, end), offset)
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
  mailbox.target.write(text, at, text.length, 'latin1')
  return true
}

export function readText(frame: RingReader): string {
  return frame.bytes.toString('latin1', frame.offset, frame.offset + frame.length)
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
