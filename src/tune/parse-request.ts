import type { LoadRequest } from '../load/types.js'

/** A request and the route that takes it. */
export interface SampleRequest extends LoadRequest {
  readonly route: string
}

/**
 * Reads `/path`, `GET /path` or `POST https://host/path?query`; a host goes into the Host header.
 * @returns null for anything else.
 */
export function parseRequest(text: string): SampleRequest | null {
  const match = /^(?:([A-Z][A-Z-]*) +)?(?:https?:\/\/([^/?#\s]+))?(\/[^\s#]*)$/.exec(text)
  if (match === null) return null
  const [, method = 'GET', host, path = '/'] = match
  return { route: text, method, path, ...(host !== undefined && { headers: { Host: host } }) }
}
