import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { demoPage } from './demo-page.js'

const MAX_BYTES = 1024 ** 3
const MAX_DELAY_MS = 60_000
const EVENT_INTERVAL_MS = 1000
const CHUNK = Buffer.alloc(64 * 1024, 'headgate demo origin, sixty-four bytes in every line of this.\r\n\r\n')

type Handler = (request: IncomingMessage, response: ServerResponse, argument: string) => void | Promise<void>

interface Endpoint {
  readonly path: RegExp
  /** Absent: any. */
  readonly methods?: readonly string[]
  readonly handle: Handler
}

const READ = ['GET', 'HEAD']

const ENDPOINTS: readonly Endpoint[] = [
  { path: /^\/$/, methods: READ, handle: page },
  { path: /^\/headers$/, methods: READ, handle: headers },
  { path: /^\/events$/, methods: READ, handle: events },
  { path: /^\/bytes\/(\d{1,10})$/, methods: READ, handle: bytes },
  { path: /^\/status\/(\d{3})$/, handle: status },
  { path: /^\/delay\/(\d{1,5})$/, handle: delay },
  { path: /^\/echo$/, handle: echo },
  { path: /^\/upload$/, methods: ['POST', 'PUT'], handle: upload },
]

/** The demo origin's server, not yet listening: one endpoint for each thing that a gateway must get right. */
export function createDemoServer(): Server {
  // A gateway keeps connections; the origin must not be the one that closes them first.
  return createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    const path = new URL(request.url ?? '/', 'http://origin').pathname
    const endpoint = ENDPOINTS.find((candidate) => candidate.path.test(path))
    if (endpoint === undefined) {
      json(response, 404, { error: 'not_found', path })
      return
    }
    if (endpoint.methods?.includes(request.method ?? '') === false) {
      response.setHeader('allow', endpoint.methods.join(', '))
      json(response, 405, { error: 'method_not_allowed' })
      return
    }
    const argument = endpoint.path.exec(path)?.[1] ?? ''
    // A client that leaves in the middle is everyday life here.
    Promise.resolve(endpoint.handle(request, response, argument)).catch(() => response.destroy())
  })
}

function page(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
  response.end(demoPage(request))
}

function headers(request: IncomingMessage, response: ServerResponse): void {
  json(response, 200, { method: request.method, url: request.url, headers: request.headers })
}

function events(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  let sent = 0
  const send = (): void => {
    sent += 1
    response.write(
      `id: ${sent}\ndata: ${JSON.stringify({ number: sent, time: new Date().toISOString() })}\n\n`,
    )
  }
  send()
  const timer = setInterval(send, EVENT_INTERVAL_MS)
  response.on('close', () => clearInterval(timer))
}

async function bytes(request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const total = Number(argument)
  if (total > MAX_BYTES) {
    json(response, 400, { error: 'bad_request', message: `at most ${MAX_BYTES} bytes` })
    return
  }
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': total })
  if (request.method === 'HEAD') response.end()
  else await pipeline(Readable.from(chunks(total), { objectMode: false }), response)
}

function* chunks(total: number): Generator<Buffer> {
  for (let left = total; left > 0; left -= CHUNK.length)
    yield left < CHUNK.length ? CHUNK.subarray(0, left) : CHUNK
}

function status(_request: IncomingMessage, response: ServerResponse, argument: string): void {
  const code = Number(argument)
  if (code < 200 || code > 599)
    json(response, 400, { error: 'bad_request', message: 'a status from 200 to 599' })
  else if (code === 204 || code === 205 || code === 304) response.writeHead(code).end()
  else json(response, code, { status: code, text: STATUS_CODES[code] ?? '' })
}

async function delay(request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const delayMs = Math.min(Number(argument), MAX_DELAY_MS)
  const timer = setTimeout(() => json(response, 200, { delayMs }), delayMs)
  response.on('close', () => clearTimeout(timer))
  request.resume()
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const length = request.headers['content-length']
  response.writeHead(200, {
    'content-type': request.headers['content-type'] ?? 'application/octet-stream',
    ...(length !== undefined && { 'content-length': length }),
  })
  await pipeline(request, response)
}

async function upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256')
  let total = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk)
    total += chunk.length
  }
  json(response, 200, { bytes: total, sha256: hash.digest('hex') })
}

function json(response: ServerResponse, code: number, value: unknown): void {
  const body = `${JSON.stringify(value, null, 2)}\n`
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
