import { createHash } from 'node:crypto'
import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { RequestReader } from './request-reader.js'
import type { OriginCounters, OriginPlan } from './types.js'

const DEFAULT_BODY_BYTES = 100

/** A body whose every byte depends on its place, so that a piece lost or doubled shows in its checksum. */
export function patternBody(bytes: number): Buffer {
  const body = Buffer.allocUnsafe(bytes)
  for (let i = 0; i < bytes; i += 1) body[i] = 32 + ((i * 7 + (i >> 8)) % 95)
  return body
}

/** Answers every request with the same bytes, as fast as bare sockets allow. Not yet listening. */
export class OriginServer {
  readonly server: Server
  readonly bodySha256: string
  #connections = 0
  #requests = 0
  #requestBodyBytes = 0
  readonly #head: Buffer
  readonly #whole: Buffer
  readonly #delayMs: number

  constructor(plan: OriginPlan) {
    const { delayMs = 0, bodyBytes = DEFAULT_BODY_BYTES, headers = {}, tls } = plan
    const body = plan.body === undefined ? patternBody(bodyBytes) : Buffer.from(plan.body)
    const lines = Object.entries({ 'Content-Type': 'text/plain', ...headers }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    )
    this.#head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${lines.join('')}\r\n`)
    this.#whole = Buffer.concat([this.#head, body])
    this.#delayMs = delayMs
    this.bodySha256 = createHash('sha256').update(body).digest('hex')
    const onSocket = (socket: Socket): void => this.#serve(socket)
    this.server =
      tls === undefined ? createTcpServer({ noDelay: true }, onSocket) : createTlsServer(tls, onSocket)
  }

  get counters(): OriginCounters {
    return {
      connections: this.#connections,
      requests: this.#requests,
      requestBodyBytes: this.#requestBodyBytes,
    }
  }

  #serve(socket: Socket): void {
    this.#connections += 1
    const reader = new RequestReader((isHead, close) => {
      this.#requests += 1
      if (this.#delayMs === 0) this.#answer(socket, isHead, close)
      else setTimeout(() => this.#answer(socket, isHead, close), this.#delayMs)
    })
    socket.on('data', (bytes) => {
      const before = reader.bodyBytes
      if (!reader.feed(bytes as Buffer)) socket.destroy()
      this.#requestBodyBytes += reader.bodyBytes - before
    })
    // A client that leaves in the middle is everyday life here.
    socket.on('error', () => socket.destroy())
  }

  #answer(socket: Socket, isHead: boolean, close: boolean): void {
    if (socket.destroyed) return
    const bytes = isHead ? this.#head : this.#whole
    if (close) socket.end(bytes)
    else socket.write(bytes)
  }
}
