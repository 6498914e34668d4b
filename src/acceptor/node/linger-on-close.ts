import type { IncomingMessage } from 'node:http'
import type { DeadlineWheel } from '../../time/index.js'

/** Bound on how long the rest of a request body is read and thrown away behind an early answer. */
const LINGER_MS = 2000

/**
 * Lets the connection of an early answer end gently: Node closes it with bytes of the client unread, which sends a reset, and
 * the client might lose the answer over it. So only our side is ended at first, and the body is read to its end, for a while.
 */
export function lingerOnClose(request: IncomingMessage, wheel: DeadlineWheel): void {
  const { socket } = request
  const destroySoon = socket.destroySoon.bind(socket)
  let isLingering = false
  // What Node's HTTP server calls when the last answer of a connection was written.
  socket.destroySoon = () => {
    if (isLingering) return
    if (request.complete || socket.destroyed) {
      destroySoon()
      return
    }
    isLingering = true
    socket.end()
    const deadline = wheel.create(() => socket.destroy())
    wheel.arm(deadline, LINGER_MS)
    socket.once('close', () => wheel.clear(deadline))
    request.once('end', destroySoon)
    request.resume()
  }
}
