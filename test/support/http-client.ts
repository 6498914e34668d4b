import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http'

export interface HttpAnswer {
  readonly kind: 'answer'
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

/** The connection ended before the answer was complete. */
export interface BrokenOff {
  readonly kind: 'broken-off'
  /** Status, if a head had come. */
  readonly status: number | null
  /** `ECONNRESET` and the like. */
  readonly code: string
}

export type HttpOutcome = HttpAnswer | BrokenOff

export interface HttpRequest {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  /** Default: a connection of its own. */
  readonly agent?: Agent
  /** Of the connection. Default: the system's choice. */
  readonly localAddress?: string
}

/** One request over `node:http`, which checks the framing of answers strictly; never rejects. */
export function send(port: number, path: string, options: HttpRequest = {}): Promise<HttpOutcome> {
  const { method = 'GET', headers = {}, body, agent = false, localAddress } = options
  return new Promise((resolve) => {
    let status: number | null = null
    const broken = (error: NodeJS.ErrnoException): void => {
      resolve({ kind: 'broken-off', status, code: error.code ?? error.message })
    }
    const from = localAddress === undefined ? {} : { localAddress }
    const outgoing = request(
      { host: '127.0.0.1', port, path, method, headers, agent, ...from },
      (response) => {
        status = response.statusCode ?? 0
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', broken)
        response.on('end', () => {
          resolve({
            kind: 'answer',
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          })
        })
      },
    )
    outgoing.on('error', broken)
    outgoing.end(body)
  })
}

/** The same, for requests that must be answered. @throws Error when the connection broke */
export async function fetchAnswer(
  port: number,
  path: string,
  options: HttpRequest = {},
): Promise<HttpAnswer> {
  const outcome = await send(port, path, options)
  if (outcome.kind === 'answer') return outcome
  throw new Error(
    `${options.method ?? 'GET'} ${path}: broken off (${outcome.code}) after status ${outcome.status}`,
  )
}

export function keepAliveAgent(maxSockets: number): Agent {
  return new Agent({ keepAlive: true, maxSockets })
}

/** Runs `count` jobs, at most `width` at a time. */
export async function pooled(
  count: number,
  width: number,
  job: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next
      next += 1
      await job(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane))
}
