import { parseCookies } from './parse-cookies.js'

/** Header fields of whatever a framework calls a request. */
export type HeaderSource =
  | { get(name: string): string | null | undefined }
  | Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * The least of a request that is needed here: the gateway's `session.reqHeader()`, a `Request` of fetch, an `IncomingMessage` of Node, or
 * an object of a framework that has parsed the cookies itself.
 */
export interface RequestLike {
  readonly headers?: HeaderSource
  /** Instead of the `Cookie` field. */
  readonly cookies?: Readonly<Record<string, string | undefined>>
  /** Absolute, or path and query. */
  readonly url?: string | undefined
}

/** A field's value, null when absent; several lines of one name joined by `, `. */
export function fieldOf(request: RequestLike, name: string): string | null {
  const { headers } = request
  if (headers === undefined) return null
  if (isGetter(headers)) return headers.get(name) ?? null
  const value = headers[name] ?? headers[name.toLowerCase()]
  if (value === undefined) return null
  return typeof value === 'string' ? value : value.join(name.toLowerCase() === 'cookie' ? '; ' : ', ')
}

function isGetter(headers: HeaderSource): headers is { get(name: string): string | null | undefined } {
  return typeof headers['get'] === 'function'
}

/** The request's cookies, without prototype. Never throws. */
export function cookiesOf(request: RequestLike): Record<string, string> {
  if (request.cookies === undefined) return parseCookies(fieldOf(request, 'cookie'))
  const cookies: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(request.cookies)) {
    if (typeof value === 'string') cookies[name] = value
  }
  return cookies
}
