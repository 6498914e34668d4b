/** What a filter wants to happen next (contract D8). Returning nothing means `continue`. */
export type FilterResult =
  | { readonly kind: 'continue' }
  | { readonly kind: 'reject'; readonly status: number; readonly reason: string }
  | { readonly kind: 'respond'; readonly response: FilterResponse }
  | { readonly kind: 'retry' }
  | { readonly kind: 'skipRemaining' }

/** An answer made by a filter. */
export interface FilterResponse {
  /** 200 to 599. */
  readonly status: number
  /** By name, or as pairs. Framing (`Content-Length` and the like) is the gateway's own and left out. */
  readonly headers?:
    | Readonly<Record<string, string | readonly string[]>>
    | Iterable<readonly [name: string, value: string]>
  /** A string is sent as UTF-8, as `text/plain` unless the headers say what it is. Default: empty. */
  readonly body?: string | Uint8Array
}

const CONTINUE: FilterResult = { kind: 'continue' }
const RETRY: FilterResult = { kind: 'retry' }
const SKIP: FilterResult = { kind: 'skipRemaining' }

/** Go on with the next filter. */
export function proceed(): FilterResult {
  return CONTINUE
}

/**
 * Ends the session with an error document. @param status 400 to 599, anything else counts as 403. @param reason shown to the
 * client as `message`.
 */
export function reject(status: number, reason: string): FilterResult {
  return { kind: 'reject', status, reason }
}

/** Answers without asking the upstream. */
export function respond(response: FilterResponse): FilterResult {
  return { kind: 'respond', response }
}

/**
 * In `upstreamResponseFilter`: throw this answer away and try another peer. Possible while the request body can still be sent again,
 * another peer is left and `retries.max` is not used up; otherwise the client gets 502. The method does not matter: the filter
 * is taken at its word that repeating is safe.
 */
export function retry(): FilterResult {
  return RETRY
}

/** Leave out the filters behind this one in the current phase. */
export function skipRemaining(): FilterResult {
  return SKIP
}
