import { createHash, type Hash } from 'node:crypto'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type ReaderSink, ResponseReader } from '../upstream/http1/response-reader.js'
import type { ResponseHead } from '../upstream/http1/types.js'
import type { PreparedRequest } from './request-bytes.js'
import type { LoadErrorKind, LoadPlan } from './types.js'

/** What a connection tells. */
export interface LoadConnectionOwner {
  /** The request under way has ended; null: answered as expected. `sha256` only when a body was hashed. */
  onOutcome(connection: LoadConnection, error: LoadErrorKind | null, sha256: string | null): void
  /** It is open, and nothing is under way. */
  onIdle(connection: LoadConnection): void
  /** It cannot be opened. */
  onConnectFailed(connection: LoadConnection, error: Error): void
}

/** All sockets of the process read into it, one after the other: what a read brought is looked at before the next one. */
const READ_BUFFER = Buffer.allocUnsafeSlow(65_536)

/** One keep-alive connection that carries one request at a time, and is opened anew whenever it was closed. */
export class LoadConnection implements ReaderSink {
  /** When the request under way was due and when it was written, milliseconds of `performance.now()`. */
  dueMs = 0
  sentMs = 0
  busy = false
  /** Bytes of bodies, all requests. */
  bodyBytes = 0
  readonly #url: URL
  readonly #expectedStatus: number | null
  readonly #owner: LoadConnectionOwner
  readonly #reader = new ResponseReader(this)
  #socket: Socket | null = null
  #hash: Hash | null = null
  #status = 0
  #closing = false

  constructor(url: URL, expect: LoadPlan['expect'], owner: LoadConnectionOwner) {
    this.#url = url
    this.#expectedStatus = expect?.status ?? null
    this.#owner = owner
  }

  /** Reports `onIdle` or `onConnectFailed`. */
  open(): void {
    const { protocol, hostname, port } = this.#url
    const secure = protocol === 'https:'
    const host = hostname.replace(/^\[|\]$/g, '')
    const target = { host, port: Number(port === '' ? (secure ? 443 : 80) : port) }
    let opened = false
    const onBytes = (length: number, bytes: Uint8Array): boolean => {
      this.#onData(bytes as Buffer, length)
      return true
    }
    const socket = secure
      ? connectTls({ ...target, rejectUnauthorized: false })
      : connectTcp({ ...target, onread: { buffer: READ_BUFFER, callback: onBytes } })
    if (secure) socket.on('data', (bytes: Buffer) => this.#onData(bytes, bytes.length))
    socket.setNoDelay(true)
    this.#socket = socket
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      opened = true
      this.#owner.onIdle(this)
    })
    let failure = new Error('the connection was closed')
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('end', () => {
      if (this.busy && this.#reader.endOfInput()) this.#answered(false)
    })
    socket.on('close', () => {
      if (this.#socket !== socket) return
      this.#socket = null
      if (this.#closing) return
      if (!opened) this.#owner.onConnectFailed(this, failure)
      else if (this.busy) this.#failed('closed')
      else this.open()
    })
  }

  get isOpen(): boolean {
    return this.#socket !== null && !this.#socket.destroyed && !this.#socket.connecting
  }

  /** @param verify hash the body of the answer. */
  send(request: PreparedRequest, dueMs: number, nowMs: number, verify: boolean): void {
    this.busy = true
    this.dueMs = dueMs
    this.sentMs = nowMs
    this.#hash = verify ? createHash('sha256') : null
    this.#reader.begin(request.isHead, null)
    this.#socket?.write(request.bytes)
  }

  /** Gives the request under way up. */
  timeOut(): void {
    if (this.busy) this.#failed('timeout')
  }

  /** For good. */
  close(): void {
    this.#closing = true
    this.#socket?.destroy()
  }

  onReaderInformational(): void {}

  onReaderHead(head: ResponseHead): void {
    this.#status = head.status
  }

  onReaderBody(chunk: Buffer): void {
    this.bodyBytes += chunk.length
    this.#hash?.update(chunk)
  }

  #onData(bytes: Buffer, length: number): void {
    if (!this.busy) {
      // Nobody asked for it.
      this.#socket?.destroy()
      return
    }
    const end = this.#reader.feed(bytes, 0, length)
    if (this.#reader.state === 'complete') {
      if (end < length) this.#failed('protocol')
      else this.#answered(this.#reader.reusable)
    } else if (this.#reader.state === 'failed' || this.#reader.state === 'upgraded') this.#failed('protocol')
  }

  #answered(reusable: boolean): void {
    const status = this.#status
    const expected =
      this.#expectedStatus === null ? status >= 200 && status < 300 : status === this.#expectedStatus
    const sha256 = this.#hash?.digest('hex') ?? null
    this.busy = false
    if (!reusable) this.#drop()
    this.#owner.onOutcome(this, expected ? null : 'status', sha256)
    if (reusable) this.#owner.onIdle(this)
    else if (!this.#closing) this.open()
  }

  #failed(error: LoadErrorKind): void {
    this.busy = false
    this.#reader.stop()
    this.#drop()
    this.#owner.onOutcome(this, error, null)
    if (!this.#closing) this.open()
  }

  #drop(): void {
    const socket = this.#socket
    this.#socket = null
    socket?.destroy()
  }
}
