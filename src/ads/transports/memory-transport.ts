import type { Transport, TransportRequest, TransportResponse } from '../upstream/transport.js'

/** What a memory transport answers: a body with status 200, or the parts of an answer. */
export type MemoryAnswer =
  | string
  | Uint8Array
  | {
      readonly status?: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Uint8Array
    }

export type MemoryHandler = (request: TransportRequest) => MemoryAnswer | Promise<MemoryAnswer>

const MOST_REQUESTS = 1000

/** Answers from memory, for tests and fixed content (C-14). Keeps the last 1,000 requests. */
export class MemoryTransport implements Transport {
  /** What was asked, oldest first. */
  readonly requests: TransportRequest[] = []
  readonly #answer: MemoryHandler
  #isClosed = false

  /** @param answer the same for every request, or a function; what it throws, `send` throws */
  constructor(answer: MemoryAnswer | MemoryHandler) {
    this.#answer = typeof answer === 'function' ? answer : () => answer
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    request.signal?.throwIfAborted()
    if (this.requests.push(request) > MOST_REQUESTS) this.requests.shift()
    const answer = await this.#answer(request)
    request.signal?.throwIfAborted()
    const { status = 200, headers = {}, body = '' } = isBody(answer) ? { body: answer } : answer
    const fields: Record<string, string> = Object.create(null)
    for (const [name, value] of Object.entries(headers)) fields[name.toLowerCase()] = value
    return {
      status,
      headers: fields,
      body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
      url: request.url,
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    return Promise.resolve()
  }

  healthCheck(): Promise<boolean> {
    return Promise.resolve(!this.#isClosed)
  }
}

function isBody(answer: MemoryAnswer): answer is string | Uint8Array {
  return typeof answer === 'string' || answer instanceof Uint8Array
}
