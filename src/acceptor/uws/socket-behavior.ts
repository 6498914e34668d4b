import { attempt } from '../internal-error.js'
import type { UwsWebSocketBehavior } from './native-types.js'

export interface SocketBehaviorOptions {
  readonly maxMessageBytes: number
  /** As uWS wants it, see `compressionOf`. */
  readonly compression: number
  /** A request that looks like a handshake. */
  readonly onHandshake: NonNullable<UwsWebSocketBehavior['upgrade']>
  /** A connection that was a WebSocket has ended. */
  onClosed(): void
}

/** What uWS is told of WebSockets: events go to the tunnel of each, and nothing that happens there ends the process. */
export function socketBehavior(options: SocketBehaviorOptions): UwsWebSocketBehavior {
  return {
    maxPayloadLength: options.maxMessageBytes,
    maxBackpressure: 0,
    idleTimeout: 0,
    compression: options.compression,
    sendPingsAutomatically: false,
    upgrade: options.onHandshake,
    open: (socket) => attempt(() => socket.getUserData().tunnel.onOpen(socket)),
    message: (socket, message, isBinary) =>
      attempt(
        () => socket.getUserData().tunnel.onMessage(message, isBinary),
        () => socket.close(),
      ),
    ping: (socket, message) => attempt(() => socket.getUserData().tunnel.onPing(message)),
    pong: (socket, message) => attempt(() => socket.getUserData().tunnel.onPong(message)),
    drain: (socket) => attempt(() => socket.getUserData().tunnel.onDrain()),
    close: (socket, code, reason) => {
      options.onClosed()
      attempt(() => socket.getUserData().tunnel.onClose(code, reason))
    },
  }
}
