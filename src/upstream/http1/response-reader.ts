import type { Reason } from '../../session/errors.js'
import { ChunkDecoder } from './chunk-decoder.js'
import { FieldSection, MALFORMED, withoutFields } from './field-section.js'
import { responseFraming } from './response-framing.js'
import { StatusLine } from './status-line.js'
import type { ResponseHead } from './types.js'

/** Receives what a {@link ResponseReader} finds. May call {@link ResponseReader.stop} at any time. */
export interface ReaderSink {
  onReaderInformational(status: number, headerBlock: string): void
  onReaderHead(head: ResponseHead): void
  /** A view of the bytes given to `feed`, valid only during the call. */
  onReaderBody(chunk: Uint8Array): void
}

export interface ReaderLimits {
  /** Largest response head, status line included, and largest trailer section. Default 16,384 bytes. */
  readonly maxHeadBytes: number
  /** Interim responses accepted for one request. Default 16. */
  readonly maxInterim: number
}

export const DEFAULT_READER_LIMITS: ReaderLimits = { maxHeadBytes: 16_384, maxInterim: 16 }

/**
 * `complete` and `upgraded`: the response has ended, bytes that follow belong to something else.
 * `failed`: `reason` and `problem` say why. `stopped`: the sink wants nothing more.
 */
export type ReaderState =
  | 'head'
  | 'length'
  | 'chunked'
  | 'trailers'
  | 'until-close'
  | 'complete'
  | 'upgraded'
  | 'failed'
  | 'stopped'

const NO_MEMORY = new ArrayBuffer(0)

/**
 * Trailers that would change framing, routing or meaning if somebody merged them into the header section
 * (RFC 9110 §6.5.1). Hop-by-hop ones are dropped by the field reader.
 */
const UNWANTED_TRAILERS = [
  'authorization',
  'cache-control',
  'content-encoding',
  'content-range',
  'content-type',
  'host',
  'location',
  'proxy-authenticate',
  'proxy-authorization',
  'set-cookie',
  'vary',
  'www-authenticate',
]

/**
 * Strict, incremental reader of HTTP/1 responses (RFC 9112), without any I/O: bytes in, events out. Anything off the
 * grammar ends in `failed`. One instance serves all responses of a connection, one after the other.
 *
 * A head that lies within one read is parsed in place and turned into a string once; only a head that is split over
 * reads is collected.
 */
export class ResponseReader {
  state: ReaderState = 'stopped'
  /** After the head: may the connection carry another request, as far as this response tells? */
  reusable = false
  /** `timeout` of `Keep-Alive` in seconds, -1 when the response gave none. */
  keepAliveSeconds = -1
  /** Has any byte of the response arrived? */
  started = false
  /** Trailer lines once `complete`; '' when there are none. */
  trailerBlock = ''
  reason: Reason = 'http_protocol_error'
  problem = ''

  readonly #sink: ReaderSink
  readonly #limits: ReaderLimits
  readonly #fields = new FieldSection()
  readonly #chunks = new ChunkDecoder()
  #isHead = false
  #offered: string | null = null
  #interim = 0
  #left = 0
  readonly #statusLine = new StatusLine()
  /** Length of the status line with its CRLF; 0 until it was read. */
  #statusLineBytes = 0
  #carry: Buffer | null = null
  #carried = 0
  /** What was read into last, and the memory it lies in: to ask a view for that leaves compiled code. */
  #source: Buffer | null = null
  #memory: ArrayBufferLike = NO_MEMORY
  #memoryAt = 0

  constructor(sink: ReaderSink, limits: ReaderLimits = DEFAULT_READER_LIMITS) {
    this.#sink = sink
    this.#limits = limits
  }

  /** Expects the response to one request. @param offered `Upgrade` value of the request, or null. */
  begin(isHead: boolean, offered: string | null, keepsDate = false): void {
    this.#fields.keepsDate = keepsDate
    this.reusable = false
    this.keepAliveSeconds = -1
    this.started = false
    this.trailerBlock = ''
    this.#isHead = isHead
    this.#offered = offered
    this.#interim = 0
    this.#expectHead()
  }

  /** Nothing more will be reported, whatever comes. */
  stop(): void {
    this.state = 'stopped'
    this.#carry = null
  }

  /**
   * Takes `bytes[from, end)`. @returns the position up to which they belong to this response; less than `end` only
   * when the state is `complete`, `upgraded`, `failed` or `stopped`.
   */
  feed(bytes: Buffer, from: number, end: number): number {
    let at = from
    if (at < end) this.started = true
    while (at < end) {
      switch (this.state) {
        case 'head':
          at = this.#section(bytes, at, end)
          break
        case 'length': {
          const to = Math.min(end, at + this.#left)
          this.#left -= to - at
          if (this.#left === 0) this.state = 'complete'
          this.#sink.onReaderBody(this.#view(bytes, at, to))
          at = to
          break
        }
        case 'chunked': {
          at = this.#chunks.next(bytes, at, end)
          if (this.#chunks.pieceAt !== -1)
            this.#sink.onReaderBody(this.#view(bytes, this.#chunks.pieceAt, at))
          else if (this.#chunks.phase === 'last') this.#expectTrailers()
          else if (this.#chunks.phase === 'bad') this.#fail(this.#chunks.problem)
          break
        }
        case 'trailers':
          at = this.#section(bytes, at, end)
          break
        case 'until-close':
          this.#sink.onReaderBody(this.#view(bytes, at, end))
          at = end
          break
        default:
          return at
      }
    }
    return at
  }

  /** The peer sent its FIN: ends a body that is delimited by it. @returns whether the response is complete. */
  endOfInput(): boolean {
    if (this.state === 'until-close') this.state = 'complete'
    return this.state === 'complete'
  }

  #view(bytes: Buffer, from: number, to: number): Uint8Array {
    if (bytes !== this.#source) {
      this.#source = bytes
      this.#memory = bytes.buffer
      this.#memoryAt = bytes.byteOffset
    }
    return new Uint8Array(this.#memory, this.#memoryAt + from, to - from)
  }

  #expectHead(): void {
    this.state = 'head'
    this.#statusLineBytes = 0
    this.#carried = 0
    this.#fields.begin()
  }

  #expectTrailers(): void {
    this.state = 'trailers'
    this.#carried = 0
    this.#fields.begin()
  }

  #fail(problem: string, reason: Reason = 'http_protocol_error'): void {
    this.state = 'failed'
    this.problem = problem
    this.reason = reason
  }

  /** Reads a head or trailers, in place when whole, else out of the carry. @returns the position reached. */
  #section(bytes: Buffer, at: number, end: number): number {
    const max = this.#limits.maxHeadBytes
    const before = this.#carried
    let source = bytes
    let base = at
    let sourceEnd = end
    if (before > 0) {
      source = this.#carry ??= Buffer.allocUnsafe(max)
      base = 0
      sourceEnd = before + bytes.copy(source, before, at, Math.min(end, at + max - before))
      this.#carried = sourceEnd
    }
    const done =
      this.state === 'head'
        ? this.#parseHead(source, base, sourceEnd)
        : this.#fields.parse(source, base, sourceEnd)
    if (done >= 0 && done - base <= max) {
      this.#carried = 0
      if (this.state === 'head') this.#finishHead(source, base)
      else this.#finishTrailers(source, base)
      this.#carry = null
      return before > 0 ? at + done - before : done
    }
    if (done === MALFORMED) this.#fail(this.#fields.problem)
    else if (done >= 0 || sourceEnd - base >= max) {
      if (this.state === 'head') this.#fail('the head is too large', 'http_response_header_section_size')
      else this.#fail('the trailer section is too large', 'http_response_trailer_section_size')
    } else if (before === 0) {
      this.#carry = Buffer.allocUnsafe(max)
      this.#carried = bytes.copy(this.#carry, 0, at, end)
    }
    return end
  }

  #parseHead(bytes: Buffer, base: number, end: number): number {
    if (this.#statusLineBytes === 0) {
      const lineEnd = this.#statusLine.parse(bytes, base, end)
      if (lineEnd === MALFORMED) this.#fields.problem = 'the status line is invalid'
      if (lineEnd < 0) return lineEnd
      this.#statusLineBytes = lineEnd - base
    }
    return this.#fields.parse(bytes, base + this.#statusLineBytes, end)
  }

  #finishHead(bytes: Buffer, base: number): void {
    const fields = this.#fields
    const { status, minorVersion } = this.#statusLine
    const framing = responseFraming(status, minorVersion, this.#isHead, fields, this.#offered)
    if (framing.kind === 'invalid') {
      this.#fail(`the response has ${framing.message}`, framing.reason)
      return
    }
    const headerBlock = fields.block(bytes, base + this.#statusLineBytes)
    if (status < 200 && status !== 101) {
      this.#interim += 1
      if (this.#interim > this.#limits.maxInterim) {
        this.#fail(`more than ${this.#limits.maxInterim} interim responses`)
        return
      }
      this.#expectHead()
      this.#sink.onReaderInformational(status, headerBlock)
      return
    }
    const persistent = !fields.close && (minorVersion === 1 || fields.keepAlive)
    this.reusable = framing.reusable && persistent && fields.keepAliveSeconds !== 0
    this.keepAliveSeconds = fields.keepAliveSeconds
    const kind = framing.kind
    if (kind === 'length') this.#left = fields.contentLength
    else if (kind === 'chunked') this.#chunks.begin()
    this.state = kind === 'none' ? 'complete' : kind === 'upgrade' ? 'upgraded' : kind
    // A 204 or 205 has no body whatever it announced, so the announcement must not travel on.
    const announced = status === 205 ? 0 : status === 204 ? -1 : fields.contentLength
    const head = {
      status,
      statusText: this.#statusLine.text,
      headerBlock,
      contentLength: announced === -1 ? null : announced,
      hasBody: kind === 'length' || kind === 'chunked' || kind === 'until-close',
    }
    if (kind === 'upgrade') this.#sink.onReaderHead({ ...head, upgrade: fields.upgrade })
    else this.#sink.onReaderHead(fields.date === '' ? head : { ...head, date: fields.date })
  }

  #finishTrailers(bytes: Buffer, base: number): void {
    const block = this.#fields.block(bytes, base)
    this.trailerBlock = block === '' ? '' : withoutFields(block, UNWANTED_TRAILERS)
    // Framing fields have no place here (RFC 9110 §6.5.1), and others refuse them: whoever sends them is not trusted with another request.
    if (this.#fields.contentLength !== -1 || this.#fields.transferCoding !== 'none') this.reusable = false
    this.state = 'complete'
  }
}
