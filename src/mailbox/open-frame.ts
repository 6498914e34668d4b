import { Packr, Unpackr } from 'msgpackr/pack'
import { readLatin1, writeLatin1 } from '../memory/index.js'
import type { ClientCertificate } from '../session/client-certificate.js'
import { OPEN } from './frames.js'
import type { Mailbox } from './mailbox.js'
import { RingCorrupt, type RingReader } from './ring-reader.js'

/*
 * The numbers that every session has lie at fixed places, the text (method, target, header block and the like, one character per byte)
 * flat behind them: packing the numbers with msgpackr cost 3 of the 5 µs of a session's codec (see BENCHMARKS.md). msgpackr packs what few
 * sessions have. Its native string extractor throws on shared buffers and falls back through an exception, 20 to 40 µs a message.
 * `msgpackr/pack` comes without it, but one import of plain `msgpackr` by any module of the thread, a filter for instance, switches
 * it on for all: so what is unpacked is copied out of shared memory before.
 */

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

/** What few sessions have, packed behind the text of OPEN only where there is something. */
interface OpenExtras {
  readonly upgrade?: string
  readonly endsWebSocket?: boolean
  readonly forwarding?: string
  readonly clientCertificate?: ClientCertificate
}

/** startMs, contentLength: doubles; route, and the lengths of id, address, method and target: 32 bits each. */
const OPEN_NUMBERS_BYTES = 36

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
    method: isGet(bytes, textAt + methodAt, targetAt - methodAt) ? 'GET' : text.slice(methodAt, targetAt),
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

/** A constant for what is most common: to compare a part of a longer text V8 leaves compiled code, a tenth of a microsecond each time. */
function isGet(bytes: Buffer, at: number, length: number): boolean {
  return length === 3 && bytes[at] === 0x47 && bytes[at + 1] === 0x45 && bytes[at + 2] === 0x54
}
