import { connect, type Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import { type ParsedResponses, parseResponses } from './response-parser.js'
import { turns } from './turns.js'

/** What goes on the wire: a string has one character per byte. */
export type Bytes = string | Uint8Array

export function toBuffer(bytes: Bytes): Buffer {
  return typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes)
}

/**
 * A bare TCP connection for tests: sends exactly the segments it is told to, and keeps everything that comes back.
 * All waiting is for events; a time limit only bounds how long a test may hang, or how long silence is listened to.
 */
export class RawClient {
  readonly #socket: Socket
  readonly #waiters = new Set<() => void>()
  #buffer = Buffer.allocUnsafe(16_384)
  #length = 0
  #ended = false
  #closed = false
  #errorCode: string | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => {
      this.#append(chunk)
      this.#wake()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#errorCode = error.code ?? error.message
      this.#wake()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
  }

  /** Resolves when connected, or when the server refused or dropped the connection (then `closed` is true). */
  static async connect(port: number, host = '127.0.0.1', localAddress?: string): Promise<RawClient> {
    const from = localAddress === undefined ? {} : { localAddress }
    // Half-open, so that the server's FIN does not end our side before a test says so.
    const socket = connect({ port, host, allowHalfOpen: true, ...from })
    const client = new RawClient(socket)
    await new Promise<void>((resolve) => {
      socket.once('connect', resolve)
      socket.once('close', () => resolve())
    })
    return client
  }

  /**
   * Connects to whatever a subject listens with: over TLS the segments are records, and what is inside them is the same. Resolves when the handshake
   * is done, or when the connection is gone.
   */
  static async to({
    port,
    secure,
  }: {
    readonly port: number
    readonly secure?: boolean
  }): Promise<RawClient> {
    if (secure !== true) return await RawClient.connect(port)
    const where = { port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false }
    const socket = connectSecurely(Object.assign(where, { allowHalfOpen: true }))
    const client = new RawClient(socket)
    await new Promise<void>((resolve) => {
      socket.once('secureConnect', resolve)
      socket.once('close', () => resolve())
    })
    return client
  }

  /** Everything received so far. */
  get received(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  get receivedBytes(): number {
    return this.#length
  }

  /** The server closed its side, or the connection is gone. */
  get closed(): boolean {
    return this.#ended || this.#closed
  }

  /** `ECONNRESET` and the like; null when the connection ended properly or is open. */
  get errorCode(): string | null {
    return this.#errorCode
  }

  /** Sends one segment; resolves when the kernel has taken it, or when the connection is gone. */
  async send(bytes: Bytes): Promise<void> {
    const data = toBuffer(bytes)
    if (data.length === 0 || this.#socket.destroyed || this.#socket.writableEnded) return
    await new Promise<void>((resolve) => {
      this.#socket.write(data, () => resolve())
    })
  }

  /**
   * Sends each piece as a segment of its own. After each one `gap` lets the server read it before the next is sent;
   * by default the loop of this process turns, for servers that live on it.
   */
  async sendPieces(pieces: readonly Bytes[], gap: () => Promise<void> = () => turns(6)): Promise<void> {
    for (const [index, piece] of pieces.entries()) {
      await this.send(piece)
      if (index < pieces.length - 1) await gap()
    }
  }

  /** Sends FIN and keeps reading. */
  endSending(): void {
    this.#socket.end()
  }

  /** Stops reading from the kernel, as a slow or stalled client does. */
  pauseReading(): void {
    this.#socket.pause()
  }

  resumeReading(): void {
    this.#socket.resume()
  }

  /** Waits until `test` holds (true), or the time is up (false); `test` is asked again on every event. */
  async until(test: () => boolean, timeoutMs = 5_000): Promise<boolean> {
    if (test()) return true
    return await new Promise<boolean>((resolve) => {
      const finish = (result: boolean): void => {
        this.#waiters.delete(waiter)
        clearTimeout(timer)
        resolve(result)
      }
      const waiter = (): void => {
        if (test()) finish(true)
      }
      const timer = setTimeout(() => finish(false), timeoutMs)
      this.#waiters.add(waiter)
    })
  }

  async untilClosed(timeoutMs = 5_000): Promise<boolean> {
    return await this.until(() => this.closed, timeoutMs)
  }

  /**
   * The answers on the wire so far, read strictly.
   * @param methods methods of the requests in order, because an answer to HEAD has no body. Default GET.
   */
  responses(methods: readonly string[] = []): ParsedResponses {
    return parseResponses(this.received, { methods, closed: this.closed })
  }

  /** Waits for `count` complete final answers, for the close, or for the time to pass; then reads what there is. */
  async readResponses(
    count = 1,
    methods: readonly string[] = [],
    timeoutMs = 5_000,
  ): Promise<ParsedResponses> {
    await this.until(() => {
      if (this.closed) return true
      if (this.#isWithinLargeChunked()) return false
      const parsed = this.responses(methods)
      return parsed.problem !== null || parsed.responses.filter((r) => r.complete).length >= count
    }, timeoutMs)
    return this.responses(methods)
  }

  /** Closes at once, with RST when `reset`. */
  async destroy(reset = false): Promise<void> {
    if (reset && !this.#closed) this.#socket.resetAndDestroy()
    else this.#socket.destroy()
    await this.until(() => this.#closed, 2_000)
  }

  #append(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(length, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    chunk.copy(this.#buffer, this.#length)
    this.#length = length
  }

  /** Spares the reading of megabytes of chunks again and again while the last chunk cannot be there yet. */
  #isWithinLargeChunked(): boolean {
    if (this.#length < 1_048_576) return false
    const start = this.received.toString('latin1', 0, 2_048).toLowerCase()
    return start.includes('transfer-encoding') && !this.received.subarray(-1_024).includes('\r\n0\r\n')
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter()
  }
}

/** Cuts `bytes` at the given offsets; offsets outside the bytes are ignored. */
export function cut(bytes: Bytes, offsets: readonly number[]): Buffer[] {
  const data = toBuffer(bytes)
  const inside = [...new Set(offsets)].filter((at) => at > 0 && at < data.length).sort((a, b) => a - b)
  const pieces: Buffer[] = []
  let from = 0
  for (const at of [...inside, data.length]) {
    pieces.push(data.subarray(from, at))
    from = at
  }
  return pieces
}
