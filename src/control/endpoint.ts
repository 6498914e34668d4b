import type { ServerResponse } from 'node:http'

export const JSON_TYPE = 'application/json'
export const TEXT_TYPE = 'text/plain; charset=utf-8'

/** A request of the admin API that may be answered: host, origin and token have been looked at. */
export interface AdminRequest {
  readonly query: URLSearchParams
  /** Of the placeholders in the endpoint's path. */
  readonly params: Readonly<Record<string, string>>
  /** The Accept field, '' when absent. */
  readonly accept: string
}

export interface AdminAnswer {
  readonly status: number
  readonly type: string
  readonly body: string | Uint8Array
  /** Beside those that every answer carries. */
  readonly headers?: Readonly<Record<string, string>>
}

/** An answer that goes on until the client leaves. */
export interface AdminStream {
  readonly type: string
  /** The head is written. What is returned is called once, when the client has left. */
  start(response: ServerResponse): () => void
}

/** One endpoint of the admin listener. What changes something is a POST. */
export interface Endpoint {
  readonly method: 'GET' | 'POST'
  /** `/workers/:worker/restart`: a segment with a colon stands for any. */
  readonly path: string
  /** One line for the list at `/`. Absent: it is not listed. */
  readonly about?: string
  /** It may be asked without a token. */
  readonly open?: boolean
  answer(request: AdminRequest): AdminAnswer | AdminStream | Promise<AdminAnswer | AdminStream>
}

export function json(value: unknown, status = 200): AdminAnswer {
  return { status, type: JSON_TYPE, body: `${JSON.stringify(value, null, 2)}\n` }
}

export function text(body: string, status = 200): AdminAnswer {
  return { status, type: TEXT_TYPE, body }
}

/** @param message one line */
export function problem(status: number, message: string): AdminAnswer {
  return json({ error: message }, status)
}

/** The values of the placeholders when the path is one of the endpoint's, or null. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split('/')
  const given = path.split('/')
  if (wanted.length !== given.length) return null
  const params: Record<string, string> = {}
  for (const [index, segment] of wanted.entries()) {
    const value = given[index] ?? ''
    if (segment.startsWith(':')) params[segment.slice(1)] = value
    else if (segment !== value) return null
  }
  return params
}
