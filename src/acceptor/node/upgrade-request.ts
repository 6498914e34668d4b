import { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { allowedUpgrade } from '../../session/upgrade-protocols.js'

/** What Node's HTTP server reads of a message: with `upgrade` true it gives the bare socket away. */
interface Upgradable {
  upgrade: boolean | null
}

const ASKED = Symbol('upgrade')

/**
 * A class of messages for `createServer` that are upgrades only if we want them to be. With a listener for `upgrade` Node would stop
 * to parse behind every request that names a protocol, whatever its method and body, and leave the rest of it to us.
 */
export function upgradeMessages(accepts: (request: IncomingMessage) => boolean): typeof IncomingMessage {
  class UpgradeMessage extends IncomingMessage implements Upgradable {
    // No field with a value of its own: the class above writes it before there could be one.
    declare [ASKED]: boolean | null

    get upgrade(): boolean | null {
      return this[ASKED] === true ? accepts(this) : this[ASKED]
    }

    set upgrade(isAsked: boolean | null) {
      this[ASKED] = isAsked
    }
  }
  return UpgradeMessage
}

/** Whether a request is a GET without a body that asks for one of the protocols. */
export function asksForUpgrade(request: IncomingMessage, allowed: readonly string[]): boolean {
  if (request.method !== 'GET' || request.httpVersionMinor !== 1) return false
  const { headers } = request
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return false
  return allowedUpgrade(headers.upgrade ?? '', allowed) !== ''
}

/**
 * A response on the bare socket of an upgrade, for answers other than 101. It closes the connection, which nobody parses any
 * more, and has the events of one that Node's server made.
 */
export function bareResponse(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(socket)
  socket.on('drain', () => {
    if (response.socket === socket) response.emit('drain')
  })
  socket.on('timeout', () => socket.destroy())
  response.on('finish', () => {
    if (response.socket !== socket) return
    response.detachSocket(socket)
    process.nextTick(() => response.emit('close'))
  })
  return response
}
