import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

export interface Frame {
  readonly fin: boolean
  readonly rsv1: boolean
  readonly opcode: number
  readonly payload: Buffer
}

export interface FrameOptions {
  readonly fin?: boolean
  readonly rsv1?: boolean
  readonly masks?: boolean
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const MASK = Buffer.from([0x11, 0x22, 0x33, 0x44])

function applyMask(bytes: Buffer, mask: Buffer): void {
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = (bytes[i] ?? 0) ^ (mask[i & 3] ?? 0)
}

/** One frame as it goes on the wire (RFC 6455 §5.2). */
export function encodeFrame(opcode: number, payload: Buffer, options: FrameOptions = {}): Buffer {
  const { fin = true, rsv1 = false, masks = false } = options
  const { length } = payload
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const head = Buffer.alloc(2 + extended)
  head[0] = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode
  head[1] = (masks ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127)
  if (extended === 2) head.writeUInt16BE(length, 2)
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (!masks) return Buffer.concat([head, payload])
  const masked = Buffer.from(payload)
  applyMask(masked, MASK)
  return Buffer.concat([head, MASK, masked])
}

/** Compresses a message without context takeover (RFC 7692 §7.2.1). */
export function deflateMessage(message: Buffer): Buffer {
  return deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

/** Opens it again (RFC 7692 §7.2.2). */
export function inflateMessage(payload: Buffer): Buffer {
  const whole = Buffer.concat([payload, Buffer.from([0, 0, 0xff, 0xff])])
  return inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH })
}

/** The frame that `bytes` begin with, opened if it is masked; or how many bytes are missing, at least. */
function parseFrame(bytes: Buffer): { frame: Frame; isMasked: boolean; size: number } | number {
  if (bytes.length < 2) return 2 - bytes.length
  const first = bytes[0] ?? 0
  const second = bytes[1] ?? 0
  const short = second & 0x7f
  const isMasked = (second & 0x80) !== 0
  const extended = short === 126 ? 2 : short === 127 ? 8 : 0
  const headBytes = 2 + extended + (isMasked ? 4 : 0)
  if (bytes.length < headBytes) return headBytes - bytes.length
  const length =
    extended === 0 ? short : extended === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
  const size = headBytes + length
  if (bytes.length < size) return size - bytes.length
  const payload = Buffer.from(bytes.subarray(headBytes, size))
  if (isMasked) applyMask(payload, bytes.subarray(headBytes - 4, headBytes))
  const frame = { fin: first >= 0x80, rsv1: (first & 0x40) !== 0, opcode: first & 0x0f, payload }
  return { frame, isMasked, size }
}

/** All frames of `wire`. @throws Error when it ends within one, or one is not masked */
export function parseFrames(wire: Buffer): Frame[] {
  const frames: Frame[] = []
  for (let at = 0; at < wire.length; ) {
    const parsed = parseFrame(wire.subarray(at))
    if (typeof parsed === 'number' || !parsed.isMasked) throw new Error('no whole frame of a client')
    frames.push(parsed.frame)
    at += parsed.size
  }
  return frames
}

/** One end of a WebSocket, frame by frame. Checks that the other end masks if and only if it is the client. */
export class WebSocketPeer {
  readonly socket: Socket
  /** All frames that have come. */
  readonly frames: Frame[] = []
  /** Settled when the connection is gone: `end` when the other end had ended it properly. */
  readonly closed: Promise<'end' | 'reset'>
  readonly #masks: boolean
  #rest = Buffer.alloc(0)
  /** Behind `rest`: joined only once the next frame can be whole, for messages of many megabytes. */
  #unread: Buffer[]
  #unreadBytes: number
  #needed = 0
  #taken = 0
  #wake: (() => void) | null = null
  #isOver = false

  constructor(socket: Socket, masks: boolean, rest: Buffer) {
    this.socket = socket
    this.#masks = masks
    this.#unread = [rest]
    this.#unreadBytes = rest.length
    let ended = false
    socket.on('error', () => undefined)
    socket.on('end', () => {
      ended = true
    })
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isOver = true
        this.#wake?.()
        resolve(ended ? 'end' : 'reset')
      })
    })
    this.#parse()
    socket.on('data', (bytes: Buffer) => {
      this.#unread.push(bytes)
      this.#unreadBytes += bytes.length
      if (this.#unreadBytes >= this.#needed) this.#parse()
    })
    socket.resume()
  }

  /** @returns false when the socket's buffer is full */
  send(opcode: number, payload: Buffer | string = '', options: FrameOptions = {}): boolean {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    return this.socket.write(encodeFrame(opcode, bytes, { masks: this.#masks, ...options }))
  }

  close(code: number, reason = ''): void {
    const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
    payload.writeUInt16BE(code, 0)
    payload.write(reason, 2)
    this.send(CLOSE, payload)
  }

  /** The next frame. @throws Error when the connection ends before */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.frames[this.#taken]
      if (frame !== undefined) {
        this.#taken += 1
        return frame
      }
      if (this.#isOver) throw new Error('the connection has ended')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The next message, its fragments joined. Control frames in between are left in `frames`. */
  async message(): Promise<{ opcode: number; payload: Buffer; fragments: number }> {
    const parts: Buffer[] = []
    let opcode = 0
    for (;;) {
      const frame = await this.next()
      if (frame.opcode >= 8) continue
      if (parts.length === 0) opcode = frame.opcode
      parts.push(frame.payload)
      if (frame.fin) return { opcode, payload: Buffer.concat(parts), fragments: parts.length }
    }
  }

  /** The next close frame. */
  async closing(): Promise<{ code: number; reason: string }> {
    for (;;) {
      const { opcode, payload } = await this.next()
      if (opcode !== CLOSE) continue
      if (payload.length === 0) return { code: 1005, reason: '' }
      return { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) }
    }
  }

  #parse(): void {
    this.#rest = Buffer.concat([this.#rest, ...this.#unread.splice(0)])
    this.#unreadBytes = 0
    this.#needed = 1
    for (;;) {
      const parsed = parseFrame(this.#rest)
      if (typeof parsed === 'number') {
        this.#needed = parsed
        return
      }
      if (parsed.isMasked === this.#masks) throw new Error('masked by the wrong end')
      this.frames.push(parsed.frame)
      this.#rest = this.#rest.subarray(parsed.size)
      this.#wake?.()
    }
  }
}

/** What comes before an empty line, and what was read behind it. */
export async function readHead(socket: Socket): Promise<{ head: string; rest: Buffer }> {
  let bytes = Buffer.alloc(0)
  for (;;) {
    const at = bytes.indexOf('\r\n\r\n')
    if (at >= 0) return { head: bytes.toString('latin1', 0, at + 2), rest: bytes.subarray(at + 4) }
    const read = socket.read() as Buffer | null
    if (read !== null) {
      bytes = Buffer.concat([bytes, read])
      continue
    }
    if (socket.readableEnded || socket.destroyed)
      return { head: bytes.toString('latin1'), rest: Buffer.alloc(0) }
    const heard = new AbortController()
    const { signal } = heard
    await Promise.race([once(socket, 'readable', { signal }), once(socket, 'close', { signal })]).catch(
      () => undefined,
    )
    heard.abort()
  }
}

export function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
}

/** A field's value in a head, '' when it is absent. */
export function fieldOf(head: string, name: string): string {
  return new RegExp(`^${name}: *(.*?)\\r$`, 'im').exec(head)?.[1] ?? ''
}

export interface ConnectOptions {
  readonly path?: string
  /** Field lines with CRLF. */
  readonly fields?: string
  /** Sent in one packet with the request. */
  readonly early?: Buffer
}

/** What a browser sends. */
export function upgradeRequest({ path = '/ws', fields = '' }: ConnectOptions = {}): string {
  return `GET ${path} HTTP/1.1\r\nHost: app.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${fields}\r\n`
}

/** Opens a WebSocket as a client. `head` is the answer, whatever its status; `peer` speaks only behind a 101. */
export async function openWebSocket(
  port: number,
  options: ConnectOptions = {},
): Promise<{ readonly head: string; readonly peer: WebSocketPeer; readonly socket: Socket }> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => undefined)
  const request = Buffer.from(upgradeRequest(options), 'latin1')
  socket.write(options.early === undefined ? request : Buffer.concat([request, options.early]))
  const { head, rest } = await readHead(socket)
  return { head, socket, peer: new WebSocketPeer(socket, true, rest) }
}

type ServeWebSocket = (peer: WebSocketPeer, head: string) => void | Promise<void>

/** An origin that speaks WebSocket, over raw sockets. */
export class WebSocketOrigin {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Request heads in the order of their arrival. */
  readonly heads: string[] = []
  #serveWith: ServeWebSocket = echo
  #answer: (head: string) => string = accepting()

  private constructor(server: Server) {
    this.#server = server
  }

  /** It echoes, until it is told otherwise. */
  static async start(): Promise<WebSocketOrigin> {
    const server = createServer()
    const origin = new WebSocketOrigin(server)
    server.on('connection', (socket) => {
      origin.#sockets.add(socket)
      socket.once('close', () => origin.#sockets.delete(socket))
      socket.on('error', () => undefined)
      void origin.#serve(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return origin
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get peer(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections that are open. */
  get open(): number {
    return this.#sockets.size
  }

  /**
   * What it does from now on; forgets what was before.
   * @param serve what happens behind a 101
   * @param answer the whole head that answers a request's head; default: a 101 that accepts the key
   */
  use(serve: ServeWebSocket, answer: (head: string) => string = accepting()): void {
    this.#serveWith = serve
    this.#answer = answer
    this.heads.length = 0
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #serve(socket: Socket): Promise<void> {
    const { head, rest } = await readHead(socket)
    if (head === '') return
    this.heads.push(head)
    const answered = this.#answer(head)
    socket.write(answered, 'latin1')
    if (answered.startsWith('HTTP/1.1 101'))
      await this.#serveWith(new WebSocketPeer(socket, false, rest), head)
  }
}

/** Answers a handshake. @param fields further lines of the 101, with CRLF */
export function accepting(fields = ''): (head: string) => string {
  return (head) =>
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(fieldOf(head, 'sec-websocket-key'))}\r\n${fields}\r\n`
}

/** Sends back what comes, frame by frame, pings as pongs, and closes as it was closed. */
export async function echo(peer: WebSocketPeer): Promise<void> {
  try {
    for (;;) {
      const { opcode, payload, fin, rsv1 } = await peer.next()
      if (opcode === CLOSE) {
        peer.send(CLOSE, payload)
        peer.socket.end()
        return
      }
      if (opcode === PING) peer.send(PONG, payload)
      else if (opcode !== PONG && !peer.send(opcode, payload, { fin, rsv1 })) {
        await Promise.race([once(peer.socket, 'drain'), peer.closed])
      }
    }
  } catch {
    // The client has gone.
    peer.socket.end()
  }
}
