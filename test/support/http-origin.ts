import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export type OriginHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/**
 * An origin on `node:http` whose behaviour each test gives: streaming, slow, recording, faulty down to the socket
 * (`request.socket.destroy()`). It keeps count of its connections and of the requests it has not finished.
 */
export class HttpOrigin {
  /** Connections that were ever made. */
  accepted = 0
  /** Requests that were ever begun. */
  requests = 0
  /** Requests whose exchange is not over. */
  open = 0
  /** What handlers threw other than because the peer had gone. */
  readonly failures: unknown[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(handler: OriginHandler) {
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      this.requests += 1
      this.open += 1
      response.once('close', () => {
        this.open -= 1
      })
      Promise.resolve()
        .then(() => handler(request, response))
        .catch((error: unknown) => {
          if (!isGone(error)) this.failures.push(error)
          response.destroy()
        })
    })
    this.#server.on('connection', (socket) => {
      this.accepted += 1
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(handler: OriginHandler): Promise<HttpOrigin> {
    const origin = new HttpOrigin(handler)
    origin.#server.listen(0, '127.0.0.1')
    await once(origin.#server, 'listening')
    return origin
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** As a peer of an upstream. */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

const GONE: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'])

function isGone(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && GONE.has(error.code)
}

/** Reads the rest of a request body. @throws when it breaks off */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A port on which nobody listens: it was free a moment ago, and the system does not give it out again soon. */
export async function refusedPort(): Promise<number> {
  const origin = await HttpOrigin.start((_, response) => void response.end())
  const { port } = origin
  await origin.close()
  return port
}
