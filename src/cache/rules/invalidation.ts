import { type KeyRules, keyUrl } from './cache-key.js'
import type { Fields } from './fields.js'

/** RFC 9110 §9.2.1. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

export function isUnsafe(method: string): boolean {
  return !SAFE.has(method)
}

/**
 * URLs, as they stand in keys, that a request with an unsafe method has made invalid (RFC 9111 §4.4): its own, and those of Location and
 * Content-Location where they have the same origin: another one's must not be invalidated by anybody.
 * @param parts of the request @param status of its answer: only 2xx and 3xx invalidate
 */
export function invalidatedUrls(
  parts: { readonly scheme: string; readonly host: string; readonly target: string },
  status: number,
  response: Fields,
  rules: Pick<KeyRules, 'query' | 'sortQuery'>,
): string[] {
  if (status < 200 || status > 399) return []
  const { scheme, host, target } = parts
  const urls = new Set([keyUrl(parts, rules)])
  for (const name of ['location', 'content-location']) {
    const value = response.get(name)
    const base = `${scheme}://${host}${target}`
    if (value === null || !URL.canParse(value, base)) continue
    const url = new URL(value, base)
    const own = new URL(base)
    if (url.origin !== own.origin) continue
    urls.add(keyUrl({ scheme, host, target: url.pathname + url.search }, rules))
  }
  return [...urls]
}
