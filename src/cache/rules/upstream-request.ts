import type { Fields } from './fields.js'

/**
 * Fields of a client that ask for something other than the whole, current answer (RFC 9110 §13, §14): left out of a request whose answer is to be
 * stored, as the cache itself answers them.
 */
export const SELECTIVE: ReadonlySet<string> = new Set([
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
])

/** Fields by which frameworks take another URL, host or method for the real one (B19). */
const REDIRECTING: ReadonlySet<string> = new Set([
  'forwarded',
  'x-host',
  'x-http-host-override',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
])

/**
 * Whether a field is kept from the origin of an answer that all will get, since no key holds it (B19).
 * @param keyed names that are part of the key
 */
export function isUnkeyed(lowerName: string, keyed: readonly string[]): boolean {
  if (keyed.includes(lowerName)) return false
  return lowerName.startsWith('x-forwarded-') || REDIRECTING.has(lowerName)
}

/** Whether a request can be answered from the cache at all; else why it goes past it. @param hasBody a fat GET (B19) */
export function bypassReason(method: string, hasBody: boolean, request: Fields): 'method' | 'bypass' | null {
  if (method !== 'GET' && method !== 'HEAD') return 'method'
  if (hasBody) return 'bypass'
  // Only the origin can evaluate these (RFC 9111 §4.3.2).
  return request.get('if-match') !== null || request.get('if-unmodified-since') !== null ? 'bypass' : null
}
