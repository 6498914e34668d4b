import type { Socket } from 'node:net'
import { WINDOW_BYTES } from '../mailbox/index.js'
import type { GatewayError } from '../session/errors.js'
import type { Deadline, DeadlineWheel } from '../time/index.js'
import type { ClientPort } from './client-port.js'
import type { ResponseSource } from './response-pipe-types.js'
import { tunnelBroken, tunnelIdle } from './session-errors.js'

/** How long one direction may be silent once the other has ended, ms; less when the tunnel's own limit is less. */
const HALF_CLOSED_MS = 30_000

export interface TunnelOwner {
  /** Bytes from the upstream; valid only during the call. */
  onTunnelBytes(chunk: Uint8Array): void
  /** The upstream sends no more. */
  onTunnelEnd(): void
  /** It broke off in either direction, or was silent for too long. Last event. */
  onTunnelBroken(error: GatewayError): void
}

/** What a session does with a connection that has switched protocols. */
export interface ClientTunnel extends ResponseSource {
  /** Of the client. */
  readonly bytesIn: number
  /** The client has the 101: bytes may flow. @param firstBytes what followed the upstream's head */
  open(firstBytes: Uint8Array): void
  /** Bytes of the client; valid only during the call. @param last it sends no more */
  fromClient(chunk: Uint8Array, last: boolean): void
  /** The session ends. What the client had sent completely still goes to the upstream, for a while. */
  close(): void
}

/**
 * The connection to an upstream that has switched protocols: raw bytes both ways. What comes from the client is granted to the
 * acceptor once the upstream's socket has taken it; what comes from the upstream goes through the session's response pipe, which
 * holds this source back.
 */
export class Tunnel implements ClientTunnel {
  bytesIn = 0
  readonly #socket: Socket
  readonly #port: Pick<ClientPort, 'grant'>
  readonly #wheel: DeadlineWheel
  readonly #idleMs: number
  readonly #owner: TunnelOwner
  readonly #deadline: Deadline
  #ungranted = 0
  #isOpen = false
  #isPaused = false
  #upstreamEnded = false
  #clientEnded = false
  #isOver = false

  /** @param socket as the connector handed it over: paused. @param idleMs longest silence, 0 = unlimited */
  constructor(
    socket: Socket,
    idleMs: number,
    wheel: DeadlineWheel,
    port: Pick<ClientPort, 'grant'>,
    owner: TunnelOwner,
  ) {
    this.#socket = socket
    this.#idleMs = idleMs
    this.#wheel = wheel
    this.#port = port
    this.#owner = owner
    this.#deadline = wheel.create(() => this.#onDeadline())
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    socket.on('error', (cause: Error) => this.#break(tunnelBroken(cause)))
    socket.on('close', () => this.#break(tunnelBroken(undefined)))
    // Attaching a listener for data does not resume a socket that was paused on purpose.
  }

  open(firstBytes: Uint8Array): void {
    this.#isOpen = true
    this.#arm()
    if (firstBytes.length > 0) this.#owner.onTunnelBytes(firstBytes)
    if (!this.#isPaused) this.#socket.resume()
  }

  /** @param takenBytes of the client's that are dealt with by it; differs from those of the chunk where they were changed */
  fromClient(chunk: Uint8Array, last: boolean, takenBytes = chunk.length): void {
    if (this.#isOver || this.#clientEnded) return
    if (last) this.#clientEnded = true
    this.#arm()
    this.bytesIn += takenBytes
    this.#ungranted += takenBytes
    const socket = this.#socket
    const hasRoom = chunk.length === 0 ? !socket.writableNeedDrain : socket.write(Buffer.from(chunk))
    if (last) this.#socket.end()
    else if (hasRoom) this.#grant()
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    if (this.#isOpen && !this.#isOver) this.#socket.resume()
  }

  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    const socket = this.#socket
    if (!this.#clientEnded || socket.writableFinished) {
      this.#wheel.clear(this.#deadline)
      socket.destroy()
      return
    }
    // What it still answers is read and thrown away, so that its end of the connection closes without a reset.
    socket.resume()
    this.#arm()
    socket.once('close', () => this.#wheel.clear(this.#deadline))
    if (this.#upstreamEnded) socket.destroySoon()
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return
    this.#arm()
    this.#owner.onTunnelBytes(chunk)
  }

  #onEnd(): void {
    this.#upstreamEnded = true
    if (this.#isOver) {
      this.#socket.destroySoon()
      return
    }
    this.#arm()
    this.#owner.onTunnelEnd()
  }

  #onDrain(): void {
    if (this.#isOver) return
    this.#arm()
    this.#grant()
  }

  #grant(): void {
    if (this.#ungranted < WINDOW_BYTES / 2) return
    const bytes = this.#ungranted
    this.#ungranted = 0
    this.#port.grant(bytes)
  }

  #break(error: GatewayError): void {
    if (this.#isOver || (this.#upstreamEnded && this.#clientEnded && !this.#socket.errored)) return
    this.#isOver = true
    this.#wheel.clear(this.#deadline)
    this.#socket.destroy()
    this.#owner.onTunnelBroken(error)
  }

  #limitMs(): number {
    if (!this.#upstreamEnded && !this.#clientEnded) return this.#idleMs
    return this.#idleMs > 0 ? Math.min(HALF_CLOSED_MS, this.#idleMs) : HALF_CLOSED_MS
  }

  /** Counts from now on, until the next time that something moves. */
  #arm(): void {
    const limitMs = this.#limitMs()
    if (limitMs > 0) this.#wheel.arm(this.#deadline, limitMs)
  }

  #onDeadline(): void {
    if (this.#isOver) this.#socket.destroy()
    else this.#break(tunnelIdle(this.#limitMs()))
  }
}
