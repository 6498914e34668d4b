import { ClientCertificates } from '../../session/client-certificate.js'
import { generateRequestId } from '../../session/request-id.js'
import { allowedUpgrade } from '../../session/upgrade-protocols.js'
import { DeadlineWheel, now } from '../../time/index.js'
import { Accepts } from '../accepts.js'
import { HeadBuilder, REFUSALS } from '../guard/index.js'
import { attempt, warnInternal } from '../internal-error.js'
import {
  type Acceptor,
  type AcceptorHandler,
  type AcceptorOptions,
  type AcceptorTls,
  type Downstream,
  LENGTH_NONE,
  type Refusal,
} from '../types.js'
import { ClientAddresses } from './client-addresses.js'
import { ConnectionCensus } from './connection-census.js'
import { endsConnection } from './ends-connection.js'
import type { UwsExchangeHost } from './exchange-host.js'
import { listenError, listenOn } from './listen-on.js'
import { loadNative } from './native.js'
import type {
  UwsApp,
  UwsListenSocket,
  UwsNative,
  UwsRequest,
  UwsResponse,
  UwsSocketContext,
  UwsWebSocketBehavior,
} from './native-types.js'
import { ParserRefusals } from './parser-refusals.js'
import { PromptAnswer } from './prompt-answer.js'
import { RefusedRequest } from './refused-request.js'
import { socketBehavior } from './socket-behavior.js'
import { createTlsApp } from './tls-app.js'
import { UwsExchange } from './uws-exchange.js'
import {
  compressionOf,
  handshakeKey,
  offeredExtensions,
  UwsUpgrade,
  withOwnExtensions,
} from './uws-upgrade.js'

/** Request line and separators, beside the limits of target and field section. */
const HEAD_MARGIN_BYTES = 256
const WEBSOCKET = ['websocket'] as const
const MESSAGE_BYTES = 16 * 1024 * 1024
/** uWS counts in sweeps of 4 s; a timer of one sweep could fire at once. */
const LEAST_IDLE_S = 5

/** The fast acceptor, over uWebSockets.js. Make it with {@link createUwsAcceptor}. */
export class UwsAcceptor implements Acceptor, UwsExchangeHost {
  readonly kind = 'uws'
  readonly handler: AcceptorHandler
  readonly options: AcceptorOptions
  readonly wheel = new DeadlineWheel()
  readonly host: string
  port: number
  connections = 0
  draining = false
  current: Downstream | null = null
  readonly #native: UwsNative
  /** The one that listens, and those before it whose connections go on. */
  readonly #apps: UwsApp[] = []
  readonly #idleS: number
  #app: UwsApp
  #certificates: ClientCertificates | null = null
  #requiresCertificate = false
  readonly #prompt = new PromptAnswer()
  readonly #guard: HeadBuilder
  readonly #addresses = new ClientAddresses()
  readonly #accepts = new Accepts()
  /** Null: an address may have any number of connections. */
  readonly #census: ConnectionCensus | null
  /** Whose connection it was cannot be asked any more. */
  readonly #parserRefusals = new ParserRefusals((refusal) =>
    attempt(() => this.handler.onRefused(refusal, generateRequestId(), '')),
  )
  readonly #addField: (name: string, value: string) => void
  readonly #webSockets: UwsWebSocketBehavior
  readonly #maxMessageBytes: number
  readonly #compressedBytes: number
  #socket: UwsListenSocket | null = null

  /** @throws NativeUnavailable */
  constructor(native: UwsNative, options: AcceptorOptions, handler: AcceptorHandler) {
    this.handler = handler
    this.options = options
    this.host = options.host
    this.port = options.port
    this.#maxMessageBytes = options.webSocketMessageBytes ?? MESSAGE_BYTES
    this.#compressedBytes = options.webSocketCompressedBytes ?? 0
    const { limits, timeouts } = options
    const { connectionsPerAddress = 0 } = limits
    this.#census =
      connectionsPerAddress === 0
        ? null
        : new ConnectionCensus({ limit: connectionsPerAddress, port: () => this.port })
    this.#native = native
    this.#webSockets = socketBehavior({
      maxMessageBytes: this.#maxMessageBytes,
      compression: compressionOf(native, this.#compressedBytes),
      onHandshake: (response, request, context) => this.#onRequest(response, request, context),
      onClosed: () => {
        // The filter counts a connection in, but not out once it is a WebSocket.
        this.connections -= 1
      },
    })
    const guard = new HeadBuilder({ limits, chunked: options.chunked, strings: 'utf8' })
    this.#guard = guard
    this.#addField = (name, value) => guard.add(name, value)
    this.#idleS = Math.max(LEAST_IDLE_S, Math.ceil(timeouts.idleMs / 1000))
    this.#app = this.#createApp(options.tls ?? null)
  }

  #createApp(tls: AcceptorTls | null): UwsApp {
    const routes = (app: UwsApp): void => {
      if (this.options.upgrades?.includes('websocket') === true) app.ws('/*', this.#webSockets)
      app.any('/*', (response, request) => this.#onRequest(response, request, null))
    }
    const app = tls === null ? this.#native.App() : createTlsApp(this.#native, tls, routes)
    if (tls === null) routes(app)
    this.#certificates = tls?.clientAuth ? (this.#certificates ?? new ClientCertificates()) : null
    this.#requiresCertificate = tls?.clientAuth?.required === true
    app.setIdleTimeout?.(this.#idleS)
    app.setResponseTimeout?.(this.#idleS)
    app.filter((response, change) => attempt(() => this.#onConnection(response, change)))
    this.#apps.push(app)
    return app
  }

  /** @throws Error with the code that listening fails with, e.g. EADDRINUSE */
  async listen(): Promise<void> {
    const { host, port, sharesPort } = this.options
    const flags = sharesPort === true ? 0 : this.#native.LIBUS_LISTEN_EXCLUSIVE_PORT
    const socket = await listenOn(this.#app, host, port, flags)
    if (socket === false) throw await listenError(host, port)
    this.#socket = socket
    this.port = this.#native.us_socket_local_port(socket)
  }

  /** uWS cannot replace a certificate under its connections: another application joins the port, and this one listens no more. */
  async useTls(tls: AcceptorTls): Promise<void> {
    const former = this.#socket
    if (this.options.tls === undefined || this.options.sharesPort !== true || former === null)
      throw new Error('certificates cannot be replaced here')
    const app = this.#createApp(tls)
    const socket = await listenOn(app, this.options.host, this.port, 0)
    if (socket === false) throw await listenError(this.options.host, this.port)
    this.#app = app
    this.#socket = socket
    await this.#accepts.untilQuiet()
    this.#native.us_listen_socket_close(former)
  }

  stopListening(): void {
    this.draining = true
    if (this.#socket === null) return
    this.#native.us_listen_socket_close(this.#socket)
    this.#socket = null
  }

  stopWhenQuiet(): Promise<void> {
    this.draining = true
    return this.#accepts.untilQuiet().then(() => this.stopListening())
  }

  close(): Promise<void> {
    this.stopListening()
    for (const app of this.#apps) app.close()
    this.wheel.close()
    return Promise.resolve()
  }

  #onConnection(response: UwsResponse, change: number): void {
    if (change < 0) {
      this.connections -= 1
      this.#parserRefusals.onClosed(change)
      return
    }
    this.connections += 1
    this.#accepts.count += 1
    this.#addresses.onOpened(response, this.connections)
    this.handler.onConnection?.()
    const isOneTooMany = this.connections > this.options.limits.connections
    if (!isOneTooMany && this.#census?.admit(response.getRemoteAddress(), this.connections) !== false) return
    this.handler.onRefused(REFUSALS.connections, generateRequestId(), this.#addresses.of(response))
    response.close()
  }

  /** @param context of a request that looks like a WebSocket handshake */
  #onRequest(response: UwsResponse, request: UwsRequest, context: UwsSocketContext | null): void {
    let exchange: UwsExchange | null = null
    try {
      const guard = this.#guard
      const sent = request.getCaseSensitiveMethod()
      // The constant: that is what most comparisons further on are with.
      const method = sent === 'GET' ? 'GET' : sent
      const path = request.getUrl()
      const query = request.getQuery()
      guard.begin()
      request.forEach(this.#addField)
      let refusal: Refusal | null = guard.finish(method, query === undefined ? path : `${path}?${query}`)
      const { bodyBytes } = this.options.limits
      if (refusal === null && bodyBytes > 0 && guard.contentLength > bodyBytes) refusal = REFUSALS.bodyBytes
      const certificate = this.#certificates?.read(response.getX509Certificate())
      if (refusal === null && this.#requiresCertificate && certificate === null)
        refusal = REFUSALS.certificate
      const requestId = generateRequestId()
      const remoteAddress = this.#addresses.of(response)
      if (remoteAddress === '') {
        // It has been reset meanwhile, and nobody is to be served who cannot be named.
        response.close()
        return
      }
      const uwsCloses = guard.connectionBytes === 5
      if (refusal !== null) {
        const isHead = method === 'HEAD'
        const refused = new RefusedRequest(response, this.wheel, refusal, { requestId, isHead, uwsCloses })
        this.#watch(response, refused)
        this.handler.onRefused(refusal, requestId, remoteAddress)
        return
      }
      const key =
        context === null ||
        this.draining ||
        guard.asksToClose ||
        allowedUpgrade(guard.upgrade, WEBSOCKET) === ''
          ? ''
          : handshakeKey(guard.headerBlock)
      const extensions = key === '' || this.#compressedBytes === 0 ? '' : offeredExtensions(guard.headerBlock)
      const head = {
        method,
        target: guard.target,
        host: guard.host,
        headerBlock: key === '' ? guard.headerBlock : withOwnExtensions(guard.headerBlock, extensions),
        claims: guard.claims,
        selects: guard.selects,
        contentLength: guard.contentLength,
        remoteAddress,
        upgrade: key === '' ? '' : 'websocket',
        endsWebSocket: key !== '',
        clientCertificate: certificate ?? undefined,
        requestId,
        startMs: now(),
      }
      const { contentLength } = guard
      const closes = guard.asksToClose || endsConnection(method, contentLength)
      if (!closes && !uwsCloses && context === null && contentLength === LENGTH_NONE && !this.draining) {
        if (this.#prompt.by(this.handler, response, head)) return
      }
      if (context === null || key === '') {
        exchange = new UwsExchange(this, response, head, { closes, uwsCloses })
        exchange.start()
        // What was answered at once needs no callback, which would cost as much as finding the answer in the cache.
        if (exchange.isAlive) this.#watch(response, exchange)
        return
      }
      exchange = new UwsUpgrade(this, response, head, {
        context,
        key,
        extensions,
        maxMessageBytes: this.#maxMessageBytes,
        compressedBytes: this.#compressedBytes,
      })
      this.#watch(response, exchange)
      exchange.start()
    } catch (error) {
      warnInternal(error)
      if (exchange?.isAlive !== false) attempt(() => response.close())
    }
  }

  #watch(response: UwsResponse, request: UwsExchange | RefusedRequest): void {
    response.onAborted(() => {
      this.#parserRefusals.onAborted()
      attempt(() => request.onAborted())
    })
  }
}

/** Starts the uWS acceptor. @throws NativeUnavailable, or as {@link UwsAcceptor.listen} */
export async function createUwsAcceptor(
  options: AcceptorOptions,
  handler: AcceptorHandler,
  mustBeMended: boolean,
): Promise<UwsAcceptor> {
  const { headerBytes, targetBytes } = options.limits
  const native = loadNative(headerBytes + targetBytes + HEAD_MARGIN_BYTES, mustBeMended)
  const acceptor = new UwsAcceptor(native, options, handler)
  await acceptor.listen()
  return acceptor
}
