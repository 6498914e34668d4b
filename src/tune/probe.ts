import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import type { SampleRequest } from './parse-request.js'

/** What became of a request that was sent once. */
export interface RequestTrial {
  readonly request: SampleRequest
  /** Answered with 200 to 299. */
  readonly usable: boolean
  /** The status, or why there is none. */
  readonly outcome: string
}

const TIMEOUT_MS = 10_000

/** Sends each request once. */
export function probe(url: string, requests: readonly SampleRequest[]): Promise<RequestTrial[]> {
  return Promise.all(requests.map((request) => probeOne(url, request)))
}

async function probeOne(url: string, request: SampleRequest): Promise<RequestTrial> {
  const { method = 'GET', path, headers = {} } = request
  try {
    const outgoing = httpRequest(url, {
      method,
      path,
      headers,
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).end(request.body)
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
    const { statusCode: status = 0 } = response
    // The head is all that is asked for: the body of a real upstream may not end.
    response.on('error', () => undefined)
    response.destroy()
    return { request, usable: status >= 200 && status < 300, outcome: `${status}` }
  } catch (error) {
    return { request, usable: false, outcome: error instanceof Error ? error.message : String(error) }
  }
}
