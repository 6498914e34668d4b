import { isToken, trimOws } from '../../session/header-rules.js'
import { deltaSeconds, lowerList, MAX_DELTA_S } from './fields.js'

/** False: absent. True: without argument, it means the whole message. A list: the fields it names, in lower case. */
export type Scope = boolean | readonly string[]

/** Directives of a Cache-Control field (RFC 9111 §5.2, RFC 5861, RFC 8246). Times in seconds, null when absent. */
export interface CacheControl {
  /** Some of it could not be read, and may have been a restriction. */
  readonly malformed: boolean
  readonly noStore: boolean
  readonly noCache: Scope
  readonly isPrivate: Scope
  readonly isPublic: boolean
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  readonly mustUnderstand: boolean
  readonly immutable: boolean
  readonly onlyIfCached: boolean
  /** 0 when invalid, or when it stands there twice with different values (RFC 9111 §4.2.1: considered stale). */
  readonly maxAgeS: number | null
  readonly sMaxageS: number | null
  readonly minFreshS: number | null
  /** Without an argument any staleness will do: {@link MAX_DELTA_S}. */
  readonly maxStaleS: number | null
  readonly staleWhileRevalidateS: number | null
  readonly staleIfErrorS: number | null
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** Of a message without the field. */
export const NO_DIRECTIVES: CacheControl = Object.freeze(empty())

function empty(): Mutable<CacheControl> {
  return {
    malformed: false,
    noStore: false,
    noCache: false,
    isPrivate: false,
    isPublic: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    immutable: false,
    onlyIfCached: false,
    maxAgeS: null,
    sMaxageS: null,
    minFreshS: null,
    maxStaleS: null,
    staleWhileRevalidateS: null,
    staleIfErrorS: null,
  }
}

/** name [ "=" ( token / quoted-string ) ], with the comma or the end behind it. */
const MEMBER =
  /[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]*)))?)?[ \t]*(,|$)/y

/** Reads the value of `Cache-Control`, all lines joined; null when there is none. Names are compared without regard to case. */
export function parseCacheControl(field: string | null): CacheControl {
  if (field === null) return NO_DIRECTIVES
  const directives = empty()
  MEMBER.lastIndex = 0
  while (MEMBER.lastIndex < field.length) {
    const from = MEMBER.lastIndex
    const match = MEMBER.exec(field)
    if (match === null) {
      directives.malformed = true
      const comma = field.indexOf(',', from)
      if (comma < 0) break
      MEMBER.lastIndex = comma + 1
      continue
    }
    const [, name, quoted, token] = match
    if (name !== undefined) apply(directives, name.toLowerCase(), unescaped(quoted) ?? token ?? null)
  }
  return directives
}

function unescaped(quoted: string | undefined): string | undefined {
  return quoted?.includes('\\') === true ? quoted.replace(/\\(.)/g, '$1') : quoted
}

/** Notes one directive; unknown ones have no effect (RFC 9111 §5.2.3). @param argument null: none */
export function apply(into: Mutable<CacheControl>, name: string, argument: string | null): void {
  switch (name) {
    case 'no-store':
      into.noStore = true
      return
    case 'no-cache':
      into.noCache = widened(into.noCache, argument)
      return
    case 'private':
      into.isPrivate = widened(into.isPrivate, argument)
      return
    case 'public':
      into.isPublic = true
      return
    case 'must-revalidate':
      into.mustRevalidate = true
      return
    case 'proxy-revalidate':
      into.proxyRevalidate = true
      return
    case 'must-understand':
      into.mustUnderstand = true
      return
    case 'immutable':
      into.immutable = true
      return
    case 'only-if-cached':
      into.onlyIfCached = true
      return
    case 'max-age':
      into.maxAgeS = lifetime(into.maxAgeS, argument)
      return
    case 's-maxage':
      into.sMaxageS = lifetime(into.sMaxageS, argument)
      return
    case 'min-fresh':
      into.minFreshS = deltaSeconds(argument ?? '') ?? into.minFreshS
      return
    case 'max-stale':
      into.maxStaleS = argument === null ? MAX_DELTA_S : (deltaSeconds(argument) ?? into.maxStaleS)
      return
    case 'stale-while-revalidate':
      into.staleWhileRevalidateS = window(into.staleWhileRevalidateS, argument)
      return
    case 'stale-if-error':
      into.staleIfErrorS = window(into.staleIfErrorS, argument)
  }
}

/** A fresh set of directives, to be filled by {@link apply}. */
export function newDirectives(): Mutable<CacheControl> {
  return empty()
}

/** RFC 9111 §4.2.1: what is invalid or contradicts itself makes the response stale. */
function lifetime(before: number | null, argument: string | null): number {
  const seconds = deltaSeconds(argument ?? '') ?? 0
  return before === null || before === seconds ? seconds : 0
}

/** A window of staleness that is invalid does not open; of two the smaller counts. */
function window(before: number | null, argument: string | null): number | null {
  const seconds = deltaSeconds(argument ?? '')
  if (seconds === null) return before
  return before === null ? seconds : Math.min(before, seconds)
}

/** RFC 9111 §5.2.2.4, §5.2.2.7: the form with fields only if it names some, and names them validly. */
function widened(before: Scope, argument: string | null): Scope {
  if (before === true || argument === null) return true
  const names = lowerList(trimOws(argument))
  if (names.length === 0 || !names.every(isToken)) return true
  return before === false ? names : [...before, ...names]
}
