import { apply, type CacheControl, newDirectives, parseCacheControl } from './cache-control.js'
import type { Fields } from './fields.js'

/** A key with its bare item or boolean, and parameters, which have no meaning here (RFC 8941 §3.2). */
const MEMBER =
  /([a-z*][a-z0-9_.*-]*)(?:=(?:(-?\d{1,12}\.\d{1,3})|(-?\d{1,15})|"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"|([A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*)|\?([01])))?((?:;[ ]*[a-z*][a-z0-9_.*-]*(?:=(?:-?\d{1,15}(?:\.\d{1,3})?|"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|\?[01]))?)*)/y
const COMMA = /[ \t]*,[ \t]*/y

/**
 * Directives of a targeted field such as `CDN-Cache-Control`: a dictionary of structured values, unlike `Cache-Control`. Null when it
 * is absent, empty or cannot be parsed: then it MUST be ignored (RFC 9213 §2.1).
 */
export function parseTargeted(field: string | null): CacheControl | null {
  const text = field?.trim() ?? ''
  if (text === '') return null
  const members = new Map<string, string | null>()
  for (let at = 0; ; ) {
    MEMBER.lastIndex = at
    const match = MEMBER.exec(text)
    if (match === null) return null
    const [, key = '', decimal, integer, string, token, boolean] = match
    // The last of a key counts (RFC 8941 §3.2); `?0` is as if it were not there.
    if (boolean === '0') members.delete(key)
    else members.set(key, integer ?? decimal ?? string?.replace(/\\(.)/g, '$1') ?? token ?? null)
    at = MEMBER.lastIndex
    if (at === text.length) break
    COMMA.lastIndex = at
    if (COMMA.exec(text) === null) return null
    at = COMMA.lastIndex
  }
  const directives = newDirectives()
  for (const [key, value] of members) apply(directives, key, value)
  return directives
}

/** What a response says to this cache. */
export interface ResponseControl {
  readonly directives: CacheControl
  /** A targeted field has spoken: `Cache-Control` and `Expires` are not looked at (RFC 9213 §2.2). */
  readonly isTargeted: boolean
}

/** @param targets names of targeted fields in lower case, the first that is valid counts (RFC 9213 §2.2) */
export function responseControl(
  fields: Fields,
  targets: readonly string[] = ['cdn-cache-control'],
): ResponseControl {
  for (const name of targets) {
    const directives = parseTargeted(fields.get(name))
    if (directives !== null) return { directives, isTargeted: true }
  }
  return { directives: parseCacheControl(fields.get('cache-control')), isTargeted: false }
}
