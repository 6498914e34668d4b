import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type ClientCertificate, ClientCertificates } from '../../session/client-certificate.js'
import { generateRequestId } from '../../session/request-id.js'
import { allowedUpgrade } from '../../session/upgrade-protocols.js'
import { DeadlineWheel, now } from '../../time/index.js'
import { Accepts } from '../accepts.js'
import { canSharePort } from '../can-share-port.js'
import { clientAddress } from '../client-address.js'
import { HeadBuilder, REFUSALS } from '../guard/index.js'
import { attempt } from '../internal-error.js'
import {
  type Acceptor,
  type AcceptorHandler,
  type AcceptorOptions,
  type AcceptorTls,
  LENGTH_CHUNKED,
  type Refusal,
} from '../types.js'
import { answerRefusal } from './answer-refusal.js'
import { answerOnSocket, type ClientError, parserRefusal } from './client-error.js'
import type { NodeExchangeHost } from './exchange-host.js'
import { lingerOnClose } from './linger-on-close.js'
import { NodeConnection } from './node-connection.js'
import { NodeExchange } from './node-exchange.js'
import { createNodeServer } from './node-server.js'
import { NodeUpgrade } from './node-upgrade.js'
import { PerAddress } from './per-address.js'
import { HandshakeSet, ServerCertificates, showsBadCertificate } from './tls-server.js'
import { asksForUpgrade, bareResponse } from './upgrade-request.js'

/** The portable acceptor, over `node:http` and its strict parser. Make it with {@link createNodeAcceptor}. */
export class NodeAcceptor implements Acceptor, NodeExchangeHost {
  readonly kind = 'node'
  readonly handler: AcceptorHandler
  readonly options: AcceptorOptions
  readonly wheel = new DeadlineWheel()
  draining = false
  host: string
  port: number
  readonly #server: Server
  readonly #tls: ServerCertificates | null
  readonly #certificates = new ClientCertificates()
  /** Connections over TLS beneath those that requests come on. */
  readonly #handshakes = new HandshakeSet()
  readonly #accepts = new Accepts()
  readonly #perAddress: PerAddress
  #stopped = false
  readonly #guard: HeadBuilder
  readonly #connections = new Map<Socket, NodeConnection>()
  /** Resolved when the server has stopped. */
  #closed: Promise<void> = Promise.resolve()

  constructor(options: AcceptorOptions, handler: AcceptorHandler) {
    this.handler = handler
    this.options = options
    this.host = options.host
    this.port = options.port
    this.#perAddress = new PerAddress(options.limits.connectionsPerAddress ?? 0)
    this.#guard = new HeadBuilder({ limits: options.limits, chunked: options.chunked, strings: 'bytes' })
    const { upgrades = [], tls } = options
    this.#tls = tls === undefined ? null : new ServerCertificates(tls)
    const server = createNodeServer(options, this.#tls, (request) => this.#upgrades(request))
    server.on('connection', () => handler.onConnection?.())
    if (tls === undefined) server.on('connection', (socket) => this.#onConnection(socket))
    else {
      server.on('connection', (socket) => void this.#handshakes.add(socket))
      server.on('secureConnection', (socket: TLSSocket) => this.#onSecure(socket))
    }
    server.on('drop', (data) => {
      handler.onConnection?.()
      this.#onRefused(REFUSALS.connections, generateRequestId(), clientAddress(data?.remoteAddress))
    })
    server.on('request', (request, response) => this.#onRequest(request, response, false))
    server.on('checkContinue', (request, response) => this.#onRequest(request, response, true))
    server.on('checkExpectation', (request, response) => this.#onRequest(request, response, false))
    server.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket))
    if (upgrades.length > 0) {
      server.on('upgrade', (request, socket, firstBytes) =>
        this.#onUpgrade(request, socket as Socket, firstBytes),
      )
    }
    server.on('connect', (_request, socket) => {
      const requestId = generateRequestId()
      answerOnSocket(socket as Socket, REFUSALS.methodForbidden, requestId)
      this.#report(REFUSALS.methodForbidden, requestId, socket as Socket)
    })
    this.#server = server
  }

  get connections(): number {
    return this.#connections.size
  }

  /** @throws what `listen` of node:net fails with, e.g. EADDRINUSE */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      const { host, port, sharesPort = false } = this.options
      // Types of Node 20 do not know it yet.
      const options = { host, port, ...(sharesPort && { reusePort: canSharePort() }) }
      this.#server.listen(options, () => {
        this.#server.off('error', reject)
        const address = this.#server.address() as AddressInfo
        this.host = address.address
        this.port = address.port
        resolve()
      })
    })
  }

  stopListening(): void {
    this.draining = true
    if (this.#stopped) return
    this.#stopped = true
    // Asked a second time, the server would call back at once, whatever connections there are.
    this.#closed = new Promise((resolve) => this.#server.close(() => resolve()))
  }

  stopWhenQuiet(): Promise<void> {
    this.draining = true
    return this.#accepts.untilQuiet().then(() => this.stopListening())
  }

  async close(): Promise<void> {
    this.stopListening()
    // The server counts a socket out when it is destroyed, before its exchange has heard of it.
    const gone = [...this.#handshakes, ...this.#connections.keys()].map((socket) => {
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.destroy()
      return closed
    })
    await Promise.all([this.#closed, ...gone])
    this.wheel.close()
  }

  useTls(tls: AcceptorTls): Promise<void> {
    if (this.#tls === null) return Promise.reject(new Error('certificates cannot be replaced here'))
    this.#tls.use(tls)
    return Promise.resolve()
  }

  #onSecure(socket: TLSSocket): void {
    if (showsBadCertificate(socket) && this.options.tls?.clientAuth) socket.destroy()
    else this.#onConnection(socket)
  }

  #onConnection(socket: Socket): void {
    this.#accepts.count += 1
    if (socket.remoteAddress === undefined) {
      // It is gone already, and nobody is to be served who cannot be named.
      socket.destroy()
      return
    }
    const address = clientAddress(socket.remoteAddress)
    if (!this.#perAddress.admit(socket)) {
      socket.destroy()
      this.#onRefused(REFUSALS.connections, generateRequestId(), address)
      return
    }
    const connection = new NodeConnection(address)
    this.#connections.set(socket, connection)
    socket.once('close', () => {
      this.#connections.delete(socket)
      connection.onClose()
    })
  }

  /** Not behind an answer that is still due, since the socket is given away at once, nor while the gateway stops. */
  #upgrades(request: IncomingMessage): boolean {
    const connection = this.#connections.get(request.socket)
    if (this.draining || connection === undefined || connection.closing || connection.active > 0) return false
    return asksForUpgrade(request, this.options.upgrades ?? [])
  }

  #onUpgrade(request: IncomingMessage, socket: Socket, firstBytes: Buffer): void {
    // An error that comes before anybody listens would end the process.
    socket.on('error', () => undefined)
    this.#onRequest(request, bareResponse(request, socket), false, firstBytes)
  }

  /** @param firstBytes of an upgrade: what was read behind the head */
  #onRequest(
    request: IncomingMessage,
    response: ServerResponse,
    sendContinue: boolean,
    firstBytes: Buffer | null = null,
  ): void {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined || connection.closing) return
    if (request.httpVersionMajor !== 1 || request.httpVersionMinor > 1) {
      connection.closing = true
      this.#refuse(request, response, REFUSALS.version, generateRequestId())
      return
    }
    const guard = this.#guard
    guard.begin()
    const raw = request.rawHeaders
    for (let i = 0; i + 1 < raw.length; i += 2) guard.add((raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '')
    const isHttp10 = request.httpVersionMinor === 0
    let refusal = guard.finish(request.method ?? '', request.url ?? '', isHttp10)
    const { bodyBytes } = this.options.limits
    if (refusal === null && bodyBytes > 0 && guard.contentLength > bodyBytes) refusal = REFUSALS.bodyBytes
    const requestId = generateRequestId()
    if (refusal !== null) {
      connection.closing = true
      this.#refuse(request, response, refusal, requestId)
      return
    }
    const isChunked = guard.contentLength === LENGTH_CHUNKED
    // Whether it is switched or not: if not, Node's parser drops what it had read behind it, so that the next bytes may be from within a body (B3).
    const closes = isChunked || guard.asksToClose || guard.hasUpgrade
    connection.closing = closes
    const head = {
      method: request.method ?? '',
      target: guard.target,
      host: guard.host,
      headerBlock: guard.headerBlock,
      claims: guard.claims,
      selects: guard.selects,
      contentLength: guard.contentLength,
      remoteAddress: connection.address,
      upgrade: firstBytes === null ? '' : allowedUpgrade(guard.upgrade, this.options.upgrades ?? []),
      clientCertificate: this.#certificateOf(request.socket),
      requestId,
      startMs: now(),
    }
    const exchange =
      firstBytes === null
        ? new NodeExchange(this, head, request, response, { sendContinue, closes })
        : new NodeUpgrade(this, head, request, response, request.socket, firstBytes)
    connection.begins(exchange)
    response.once('close', () => {
      if (connection.ended()) request.socket.destroySoon()
    })
    attempt(
      () => exchange.start(),
      () => request.socket.destroy(),
    )
  }

  #certificateOf(socket: Socket): ClientCertificate | undefined {
    if (!this.options.tls?.clientAuth) return undefined
    const { raw } = (socket as TLSSocket).getPeerCertificate()
    return raw === undefined ? undefined : (this.#certificates.read(raw) ?? undefined)
  }

  #refuse(request: IncomingMessage, response: ServerResponse, refusal: Refusal, requestId: string): void {
    if (refusal === REFUSALS.bodyBytes) lingerOnClose(request, this.wheel)
    answerRefusal(response, refusal, requestId)
    this.#report(refusal, requestId, request.socket)
  }

  #report(refusal: Refusal, requestId: string, socket: Socket): void {
    const address = this.#connections.get(socket)?.address ?? clientAddress(socket.remoteAddress)
    this.#onRefused(refusal, requestId, address)
  }

  #onRefused(refusal: Refusal, requestId: string, address: string): void {
    attempt(() => this.handler.onRefused(refusal, requestId, address))
  }

  /** Node's parser gave up, or a head did not arrive in time. The socket is ours now. */
  #onClientError(error: ClientError, socket: Socket): void {
    const connection = this.#connections.get(socket)
    const refusal = parserRefusal(error, socket)
    if (refusal === null || connection === undefined) {
      socket.destroy()
      return
    }
    const { latest, closing } = connection
    connection.closing = true
    if (latest !== null && connection.active > 0 && !latest.bodyComplete) {
      // The body of the latest request is off the grammar. Answers to others may be due before its own. Who ends it too early has left.
      if (connection.active === 1 && error.code !== 'HPE_INVALID_EOF_STATE') latest.refuse(refusal)
      else socket.destroy()
    } else if (connection.active > 0) {
      // Garbage behind complete requests: they are answered, and then the connection ends.
      latest?.closeBehind()
    } else if (!closing) {
      const requestId = generateRequestId()
      this.#report(refusal, requestId, socket)
      answerOnSocket(socket, refusal, requestId)
    }
    // Else a refusal is on its way, and closes.
  }
}

/** Starts the `node:http` acceptor. @throws as {@link NodeAcceptor.listen} */
export async function createNodeAcceptor(
  options: AcceptorOptions,
  handler: AcceptorHandler,
): Promise<NodeAcceptor> {
  const acceptor = new NodeAcceptor(options, handler)
  await acceptor.listen()
  return acceptor
}
