import { LENGTH_CHUNKED, LENGTH_NONE } from '../types.js'

/**
 * Methods that come with a body. uWS ends its list of fields at an empty name: a length behind it is seen by nobody, and the body
 * would be read as the next request. Where a length is to be expected and there is none, the connection ends with the request.
 */
const HAS_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** Where the body of a request ends is not beyond doubt, so nothing behind it is read (U3). */
export function endsConnection(method: string, contentLength: number): boolean {
  if (contentLength === LENGTH_CHUNKED) return true
  return contentLength === LENGTH_NONE && method !== 'GET' && HAS_BODY.has(method)
}
