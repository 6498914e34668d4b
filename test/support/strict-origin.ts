import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Answer, answerOf } from './application.js'
import type { SeenRequest } from './seen-request.js'
import { parseStrictRequests, type StrictRequest } from './strict-request-parser.js'

/** Requests for this path are answered and not recorded. */
export const FENCE_PATH = '/fence'

/**
 * An origin that shares no parser with anything under test: it reads each connection with the strict request reader,
 * answers as `application.ts` says, and takes down whatever is off the grammar as a problem.
 */
export class StrictOrigin {
  readonly seen: SeenRequest[] = []
  readonly problems: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #listeners = new Set<() => void>()

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(): Promise<StrictOrigin> {
    const origin = new StrictOrigin()
    origin.#server.listen(0, '127.0.0.1')
    await once(origin.#server, 'listening')
    return origin
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  reset(): void {
    this.seen.length = 0
    this.problems.length = 0
  }

  /** Calls back on each event until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    let unread = Buffer.alloc(0)
    let current: SeenRequest | null = null
    socket.on('data', (chunk: Buffer) => {
      unread = Buffer.concat([unread, chunk])
      const { requests, error, restBytes } = parseStrictRequests(unread)
      const [request] = requests
      if (error !== null && !error.startsWith('incomplete')) this.problems.push(`at the origin: ${error}`)
      // The gateway does not pipeline: a second request in the same bytes came out of the first one.
      if (requests.length > 1 || (request?.complete === true && restBytes > 0)) {
        this.problems.push('at the origin: bytes behind a request')
      }
      if (request !== undefined) {
        current = this.#record(request, current)
        if (request.complete) {
          unread = Buffer.alloc(0)
          socket.write(wire(request.method, answerOf(current)))
          current = null
        }
      }
      this.#tell()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (current !== null) current.state = 'aborted'
      this.#tell()
    })
  }

  #record(request: StrictRequest, current: SeenRequest | null): SeenRequest {
    const value = (name: string): string | undefined => request.headers.find(([n]) => n === name)?.[1]
    const seen: SeenRequest = current ?? {
      method: request.method,
      target: request.target,
      host: value('host') ?? '',
      headerBlock: request.headers.map(([name, text]) => `${name}: ${text}\r\n`).join(''),
      contentLength: value('transfer-encoding') === undefined ? Number(value('content-length') ?? -1) : -2,
      chunks: [],
      state: 'open',
    }
    if (current === null && request.target !== FENCE_PATH) this.seen.push(seen)
    seen.chunks.splice(0, seen.chunks.length, Buffer.from(request.body))
    if (request.complete) seen.state = 'complete'
    return seen
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

/** An answer as bytes, framed for a persistent connection. */
function wire(method: string, answer: Answer): Buffer {
  const parts: Buffer[] = []
  const { body } = answer
  let framing = ''
  if (body.kind === 'whole') {
    framing = `content-length: ${body.bytes.length}\r\n`
    parts.push(body.bytes)
  } else if (body.kind === 'stream') {
    const whole = Buffer.concat([...body.pieces])
    framing =
      body.contentLength === null ? 'transfer-encoding: chunked\r\n' : `content-length: ${whole.length}\r\n`
    if (body.contentLength !== null) parts.push(whole)
    else
      parts.push(
        Buffer.from(`${whole.length.toString(16)}\r\n`),
        whole,
        Buffer.from(`\r\n0\r\n${body.trailerBlock}\r\n`),
      )
  }
  const head = `HTTP/1.1 ${answer.status} ${answer.statusText}\r\ndate: ${new Date().toUTCString()}\r\n${answer.headerBlock}${framing}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), ...(method === 'HEAD' ? [] : parts)])
}
