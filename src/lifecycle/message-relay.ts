import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import type { DeadlineWheel } from '../time/index.js'
import { ClientMessages, UpstreamMessages } from '../websocket/index.js'
import type { ClientPort } from './client-port.js'
import { messageFault } from './session-errors.js'
import { type ClientTunnel, Tunnel, type TunnelOwner } from './tunnel.js'

const EMPTY = new Uint8Array(0)

/** What goes through the WebSockets that an acceptor ends itself. */
export interface WebSocketBounds {
  /** As `limits.webSocketMessage`. */
  readonly maxMessageBytes: number
  /** As `limits.webSocketCompressed`; 0: nothing is compressed. */
  readonly compressedBytes: number
}

export interface MessageRelayOwner extends TunnelOwner {
  /** The upstream has broken the protocol. The client gets a close frame, and the rest takes its course. */
  onTunnelFault(error: GatewayError): void
}

/**
 * A tunnel with permessage-deflate towards the upstream and none towards the acceptor, which has made the WebSocket's
 * handshake with the client itself (RFC 7692). It stands on the worker's side, since zlib takes its time and only sessions of this worker
 * can be held up by it; what takes more than some 0.1 ms is left to libuv's threads.
 */
export class MessageRelay implements ClientTunnel, TunnelOwner {
  readonly #tunnel: Tunnel
  readonly #owner: MessageRelayOwner
  readonly #toClient: UpstreamMessages
  readonly #toUpstream: ClientMessages
  #upstreamEnded = false
  #hasToldEnd = false
  #clientEnded = false
  /** The session is over; what the client has sent still has to leave. */
  #isClosing = false

  constructor(
    socket: Socket,
    idleMs: number,
    wheel: DeadlineWheel,
    port: Pick<ClientPort, 'grant'>,
    owner: MessageRelayOwner,
    bounds: WebSocketBounds,
  ) {
    this.#owner = owner
    this.#tunnel = new Tunnel(socket, idleMs, wheel, port, this)
    const { maxMessageBytes, compressedBytes } = bounds
    this.#toClient = new UpstreamMessages(
      { maxMessageBytes, wholeBytes: compressedBytes },
      {
        onFrames: (bytes) => owner.onTunnelBytes(bytes),
        onFree: () => this.#onUpstreamFree(),
        onFault: (code, problem) => {
          this.#tunnel.pause()
          owner.onTunnelFault(messageFault(code, problem))
        },
      },
    )
    this.#toUpstream = new ClientMessages(compressedBytes, {
      onFrames: (bytes, takenBytes) => this.#tunnel.fromClient(bytes, false, takenBytes),
      onFree: () => this.#onClientFree(),
    })
  }

  get bytesIn(): number {
    return this.#tunnel.bytesIn
  }

  open(firstBytes: Uint8Array): void {
    this.#tunnel.open(firstBytes)
  }

  fromClient(chunk: Uint8Array, last: boolean): void {
    if (this.#clientEnded || this.#isClosing) return
    this.#clientEnded = last
    this.#toUpstream.add(chunk)
    if (last && this.#toUpstream.isFree) this.#tunnel.fromClient(EMPTY, true)
  }

  pause(): void {
    this.#toClient.pause()
    this.#tunnel.pause()
  }

  resume(): void {
    this.#toClient.resume()
    if (this.#toClient.isFree) this.#tunnel.resume()
  }

  close(): void {
    this.#toClient.close()
    this.#isClosing = true
    if (this.#clientEnded && !this.#toUpstream.isFree) return
    this.#toUpstream.close()
    this.#tunnel.close()
  }

  onTunnelBytes(chunk: Uint8Array): void {
    this.#toClient.add(chunk)
    if (!this.#toClient.isFree) this.#tunnel.pause()
  }

  onTunnelEnd(): void {
    this.#upstreamEnded = true
    if (this.#toClient.isFree) this.#tellEnd()
  }

  onTunnelBroken(error: GatewayError): void {
    this.#toClient.close()
    this.#toUpstream.close()
    if (!this.#isClosing) this.#owner.onTunnelBroken(error)
  }

  #onUpstreamFree(): void {
    if (this.#upstreamEnded) this.#tellEnd()
    else this.#tunnel.resume()
  }

  #tellEnd(): void {
    if (this.#hasToldEnd || this.#isClosing) return
    this.#hasToldEnd = true
    this.#owner.onTunnelEnd()
  }

  #onClientFree(): void {
    if (!this.#clientEnded) return
    this.#tunnel.fromClient(EMPTY, true)
    if (this.#isClosing) this.#tunnel.close()
  }
}
