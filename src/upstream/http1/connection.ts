import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { giveSlab } from '../../memory/index.js'
import type { GatewayError } from '../../session/errors.js'
import { now } from '../../time/index.js'
import type { ConnectionOwner } from './connection-owner.js'
import { ConnectionWatch } from './connection-watch.js'
import type { Dial } from './dial.js'
import type { Exchange } from './exchange.js'
import { writeRequest } from './request-wire.js'
import { ResponseDelivery } from './response-delivery.js'
import { ResponseReader } from './response-reader.js'
import { closedEarly, connectError, invalidResponse, isRefused, misuse } from './upstream-errors.js'

/** Request bytes that may wait in a socket before `write` says to wait. */
const HIGH_WATER_BYTES = 65_536

/** `closed` also when the socket was handed over after an upgrade. */
type State = 'connecting' | 'active' | 'idle' | 'closed'

/**
 * One socket and the exchanges that it carries, one after the other. It has one reader and one
 * deadline, which is re-armed, so that an exchange allocates next to nothing.
 */
export class Connection {
  readonly #owner: ConnectionOwner
  readonly #reader: ResponseReader
  /** Has the exchange under way, and what has come of its response. */
  readonly #delivery: ResponseDelivery
  readonly #watch: ConnectionWatch
  #retireAt: number
  #socket: Socket | null = null
  #state: State = 'connecting'
  #dial: Dial | null = null

  constructor(owner: ConnectionOwner, exchange: Exchange) {
    this.#owner = owner
    this.#watch = new ConnectionWatch(owner.wheel, () => this.#onDeadline())
    this.#delivery = new ResponseDelivery(exchange, this.#watch)
    this.#reader = new ResponseReader(this.#delivery, owner.limits)
    this.#retireAt = owner.retireAt()
    exchange.connection = this
  }

  /** Takes over a socket that is being connected. @param resolved its address needs no lookup */
  attach(socket: Socket, resolved: boolean, dial: Dial | null): void {
    this.#socket = socket
    this.#dial = dial
    this.#watch.resolved = resolved
    socket.on('lookup', () => this.#watch.onResolved())
    socket.on(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => this.#onConnect())
    socket.on('drain', () => this.#onDrain())
    socket.on('end', () => this.#onEnd())
    socket.on('error', (cause: Error) => this.#onGone(cause))
    socket.on('close', () => this.#onGone(undefined))
    this.#watch.arm('connect', this.#delivery.exchange?.timeouts.connectMs ?? 0)
  }

  /** All of the last request has left: an idle connection can take another. */
  get isReady(): boolean {
    return this.#socket?.writableLength === 0
  }

  /** Sends another request over this idle connection. Its events come later. */
  reuse(exchange: Exchange): void {
    this.#state = 'active'
    this.#delivery.exchange = exchange
    exchange.connection = this
    exchange.reused = true
    this.#send(exchange)
  }

  /** Closes it without telling anybody. */
  drop(): void {
    const state = this.#state
    if (state === 'closed') return
    this.#state = 'closed'
    this.#delivery.exchange = null
    this.#reader.stop()
    this.#watch.clear()
    this.#socket?.destroy()
    this.#socket = null
    this.#owner.onClosed(this, state === 'idle')
  }

  /** Is not used again after its exchange. @param current unless it is connected, or about to, to one of these addresses */
  retire(current: ReadonlySet<string> | null): void {
    if (current !== null && (this.#state === 'connecting' || current.has(this.#socket?.remoteAddress ?? '')))
      return
    this.#retireAt = 0
    if (this.#state === 'idle') this.drop()
  }

  /** Ends the exchange with an error and closes the connection. */
  fail(error: GatewayError): void {
    const exchange = this.#delivery.exchange
    if (this.#state === 'connecting') this.#dial?.onFailed()
    this.drop()
    if (exchange === null) return
    exchange.detach()
    exchange.report(error)
  }

  /** @param slab what `wire` lies in, given back once it is written; null: nothing */
  writeBody(exchange: Exchange, wire: Buffer, slab: Buffer | null): void {
    const socket = this.#socket
    if (socket === null) return
    if (slab === null) socket.write(wire)
    else socket.write(wire, () => giveSlab(slab))
    if (socket.writableLength > HIGH_WATER_BYTES) exchange.awaitsDrain = true
    if (!exchange.bodyIsOpen) this.#onRequestSent(exchange)
    else if (!this.#delivery.headSeen) this.#watch.arm('request', exchange.timeouts.idleMs)
    else this.#watch.arm('body', exchange.timeouts.idleMs, exchange.paused)
  }

  pauseReading(): void {
    if (this.#state !== 'active') return
    this.#socket?.pause()
    if (this.#watch.watched !== 'request') this.#watch.clear()
  }

  resumeReading(): void {
    const exchange = this.#delivery.exchange
    if (this.#state !== 'active' || exchange === null) return
    this.#socket?.resume()
    if (this.#watch.watched === 'headers') this.#watch.arm('headers', exchange.timeouts.headersMs)
    else if (this.#watch.watched === 'body') this.#watch.arm('body', exchange.timeouts.idleMs)
  }

  /** Bytes have come; they are valid during the call. */
  onBytes(bytes: Buffer, size: number): void {
    const exchange = this.#delivery.exchange
    if (this.#state === 'closed') return
    if (exchange === null) {
      // Nobody asked: whatever it is, the next response on this connection could not be trusted.
      this.#owner.onDropped()
      this.drop()
      return
    }
    this.#delivery.readAtMs = now()
    const reader = this.#reader
    let at = 0
    try {
      at = reader.feed(bytes, 0, size)
    } catch (cause) {
      this.fail(misuse('a handler threw', cause))
      return
    }
    switch (reader.state) {
      case 'complete':
        if (at < size) this.#owner.onDropped()
        this.#finish(exchange, at === size && reader.reusable)
        return
      case 'failed':
        this.#owner.onDropped()
        this.fail(invalidResponse(reader.problem, reader.reason))
        return
      case 'upgraded':
        this.#handOver(exchange, Buffer.from(bytes.subarray(at, size)))
        return
      case 'stopped':
        return
      default:
        if (this.#watch.watched === 'body') this.#watch.arm('body', exchange.timeouts.idleMs, exchange.paused)
    }
  }

  #onConnect(): void {
    const exchange = this.#delivery.exchange
    if (this.#state !== 'connecting' || exchange === null) return
    this.#state = 'active'
    exchange.announced = true
    this.#tell(() => exchange.handler.onConnected(false, now()))
    if (exchange.ended) return
    if (exchange.paused) this.#socket?.pause()
    this.#send(exchange)
    if (exchange.awaitsDrain && this.#socket?.writableNeedDrain === false) this.#onDrain()
  }

  /** Writes the head, the body as far as it is there, and waits for more of it or for the response. */
  #send(exchange: Exchange): void {
    const { request, timeouts } = exchange
    const socket = this.#socket
    if (socket === null) return
    this.#delivery.headSeen = false
    this.#reader.begin(request.method === 'HEAD', request.upgrade ?? null, request.keepsDate === true)
    exchange.bytesSent = true
    writeRequest(socket, exchange.head, request)
    const early = exchange.takeEarly()
    if (early !== null) for (const wire of early) socket.write(wire)
    if (exchange.bodyIsOpen) this.#watch.arm('request', timeouts.idleMs)
    else this.#onRequestSent(exchange)
  }

  #onRequestSent(exchange: Exchange): void {
    exchange.requestComplete = true
    // While the socket is congested the request is still under way; the drain starts the wait for the answer.
    if (!this.#delivery.headSeen) this.#watch.beforeHead(exchange, this.#socket?.writableNeedDrain === true)
    if (exchange.announced) this.#tell(() => exchange.handler.onRequestSent(now()))
  }

  #onDrain(): void {
    const exchange = this.#delivery.exchange
    if (this.#state !== 'active' || exchange === null) return
    if (!this.#delivery.headSeen) this.#watch.beforeHead(exchange, false)
    if (!exchange.awaitsDrain) return
    exchange.awaitsDrain = false
    if (!exchange.bodyIsOpen) return
    this.#tell(() => exchange.handler.onDrain())
  }

  #finish(exchange: Exchange, reusable: boolean): void {
    const owner = this.#owner
    const trailers = this.#reader.trailerBlock
    exchange.detach()
    const socket = this.#socket
    // An early answer: the upstream may read the rest of this request as the next one, or not at all.
    const clean = reusable && exchange.requestComplete
    const keepMs = clean ? owner.keepMs(this.#retireAt, this.#reader.keepAliveSeconds) : 0
    if (keepMs > 0) {
      this.#delivery.exchange = null
      if (exchange.paused) socket?.resume()
      this.#watch.arm('idle', keepMs)
      this.#state = 'idle'
      owner.onIdle(this)
      if (!this.isReady) setImmediate(() => this.#dropUnlessReady())
    } else this.drop()
    try {
      exchange.handler.onEnd(trailers, this.#delivery.readAtMs)
    } catch {
      if (this.#state === 'idle') this.drop()
    }
  }

  /** TLS tells of a write a turn later, when a quick answer is there already; what is then still unsent was answered early. */
  #dropUnlessReady(): void {
    if (this.#state === 'idle' && !this.isReady) this.drop()
  }

  #handOver(exchange: Exchange, firstBytes: Buffer): void {
    const socket = this.#socket
    const head = this.#delivery.upgradeHead
    if (socket === null || head === null || exchange.handler.onUpgrade === undefined) {
      this.fail(misuse('an upgrade was offered without a handler for it'))
      return
    }
    this.#socket = null
    this.drop()
    exchange.takeSocket(head, socket, firstBytes)
  }

  #onEnd(): void {
    const exchange = this.#delivery.exchange
    this.#delivery.readAtMs = now()
    if (this.#state === 'active' && exchange !== null && this.#reader.endOfInput())
      this.#finish(exchange, false)
    else this.#onGone(undefined)
  }

  /** The connection has ended without being asked to. */
  #onGone(cause: Error | undefined): void {
    if (this.#state === 'idle') this.drop()
    else if (this.#state === 'connecting') {
      this.fail(connectError(cause, isRefused(this.#socket)))
    } else if (this.#state === 'active') {
      this.fail(
        closedEarly(this.#delivery.headSeen ? 'body' : this.#reader.started ? 'head' : 'waiting', cause),
      )
    }
  }

  /** Calls a handler from outside the reader: its exception ends the exchange, not the thread. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.fail(misuse('a handler threw', cause))
    }
  }

  #onDeadline(): void {
    const error = this.#watch.error((this.#socket?.writableLength ?? 0) > 0)
    if (error === null) this.drop()
    else this.fail(error)
  }
}
