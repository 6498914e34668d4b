import { STATUS_CODES } from 'node:http'
import type { RouteAnswerer } from '../routing/index.js'
import { Headers } from '../session/headers.js'
import { type RequestHeader, ResponseHeader } from '../session/message-headers.js'
import type { FilterResponse } from './results.js'

/** An answer that did not come from the upstream: made by a filter or by the gateway itself. */
export interface OwnAnswer {
  readonly head: ResponseHeader
  readonly body: Uint8Array
}

const encoder = new TextEncoder()

/**
 * What a filter gave, as something that can be sent (B15).
 * @throws InvalidHeader for a status outside 200 to 599 or a header that must not go on the wire
 * @throws TypeError for anything that is no answer
 */
export function ownAnswer(response: FilterResponse): OwnAnswer {
  if (typeof response !== 'object' || response === null) throw new TypeError('an answer is an object')
  const { status, headers = {}, body = '' } = response
  const head = new ResponseHeader(200, '', new Headers())
  head.setStatus(status, STATUS_CODES[status] ?? '')
  if (isPairs(headers)) {
    for (const [name, value] of headers) head.headers.append(name, value)
  } else {
    for (const [name, value] of Object.entries(headers)) {
      if (!Array.isArray(value)) head.headers.append(name, value as string)
      else for (const line of value as readonly string[]) head.headers.append(name, line)
    }
  }
  if (body instanceof Uint8Array) return { head, body }
  if (typeof body !== 'string') throw new TypeError('the body of an answer is a string or a Uint8Array')
  // Without a type a browser guesses one, and would run what a client had put into the text.
  if (body !== '' && !head.headers.has('content-type')) {
    head.headers.append('content-type', 'text/plain; charset=utf-8')
  }
  return { head, body: encoder.encode(body) }
}

/** What the route itself says. */
export function routeAnswer(answerer: RouteAnswerer, { headers, target }: RequestHeader): OwnAnswer {
  const host = headers.get('host') ?? ''
  const { status, statusText, headerBlock, body } = answerer.answer({ host, target })
  return { head: new ResponseHeader(status, statusText, new Headers(headerBlock)), body }
}

function isPairs(headers: object): headers is Iterable<readonly [string, string]> {
  return Symbol.iterator in headers
}
