import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { parseStrictRequests } from '../support/strict-request-parser.js'

/** A request as it reached the origin. Texts have one character per byte. */
export interface ForwardedRequest {
  readonly requestId: string
  /** Of X-Forwarded-For: the address that the input was sent from. */
  readonly client: string
  readonly method: string
  readonly target: string
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  body: string
  complete: boolean
}

/**
 * An origin of Node's own strict HTTP server, that reads the bytes of each connection a second time with the strict reader. What is off
 * the grammar of either, or what they read differently, is a problem. No connection carries a second request while the first is unanswered.
 */
export class FuzzOrigin {
  /** Empty when all is well. */
  readonly problems: string[] = []
  /** By address of the client. */
  readonly seen = new Map<string, ForwardedRequest[]>()
  /** Requests that broke off, or that are being answered. */
  pending = 0
  readonly #server: Server
  readonly #unread = new WeakMap<Socket, Buffer[]>()

  private constructor() {
    this.#server = createServer({ insecureHTTPParser: false, keepAliveTimeout: 0, requestTimeout: 0 })
    this.#server.maxHeadersCount = 0
    this.#server.on('connection', (socket) => {
      const unread: Buffer[] = []
      this.#unread.set(socket, unread)
      socket.on('data', (chunk: Buffer) => unread.push(chunk))
    })
    this.#server.on('clientError', (error: Error & { readonly code?: string }, socket) => {
      // A body that the client has left unfinished is left unfinished here too.
      const isCut = error.code === 'ECONNRESET' || error.code === 'HPE_INVALID_EOF_STATE'
      if (!isCut) this.problems.push(`Node refused a forwarded request: ${error.code} ${error.message}`)
      socket.destroy()
    })
    this.#server.on('request', (request, response) => {
      const seen = this.#record(request)
      this.pending += 1
      response.on('close', () => {
        this.pending -= 1
      })
      request.on('error', () => undefined)
      request.on('data', (chunk: Buffer) => {
        seen.body += chunk.toString('latin1')
      })
      request.on('end', () => {
        if (!request.complete) return
        seen.complete = true
        this.#readAgain(request.socket, seen)
        response.writeHead(200, { 'content-length': 2 }).end('ok')
      })
    })
  }

  static async start(): Promise<FuzzOrigin> {
    const origin = new FuzzOrigin()
    origin.#server.listen(0, '127.0.0.1')
    await once(origin.#server, 'listening')
    return origin
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #record(request: IncomingMessage): ForwardedRequest {
    const { method = '', url = '', rawHeaders } = request
    const headers: (readonly [string, string])[] = []
    for (let i = 0; i < rawHeaders.length; i += 2)
      headers.push([(rawHeaders[i] ?? '').toLowerCase(), rawHeaders[i + 1] ?? ''])
    const value = (name: string): string =>
      headers
        .filter(([n]) => n === name)
        .map(([, text]) => text)
        .join()
    const client = value('x-forwarded-for')
    const seen: ForwardedRequest = {
      requestId: value('x-request-id'),
      client,
      method,
      target: url,
      headers,
      body: '',
      complete: false,
    }
    const list = this.seen.get(client)
    if (list === undefined) this.seen.set(client, [seen])
    else list.push(seen)
    return seen
  }

  #readAgain(socket: Socket, seen: ForwardedRequest): void {
    const unread = this.#unread.get(socket) ?? []
    const { requests, error, restBytes } = parseStrictRequests(Buffer.concat(unread))
    unread.length = 0
    const [only] = requests
    if (error !== null || requests.length !== 1 || restBytes > 0 || only === undefined) {
      this.problems.push(
        `not exactly one strict request: ${error ?? `${requests.length} and ${restBytes} bytes`}`,
      )
      return
    }
    const { method, target, headers, body } = only
    const text = JSON.stringify([method, target, headers, body.toString('latin1')])
    const nodes = JSON.stringify([seen.method, seen.target, seen.headers, seen.body])
    if (text !== nodes) this.problems.push(`Node reads ${nodes}, a strict reader ${text}`)
  }
}
