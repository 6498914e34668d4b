import {
  type Arrival,
  BlockFields,
  decodeMeta,
  type Fields,
  invalidatedUrls,
  isUnkeyed,
  isUnsafe,
  type KeyRules,
  parseHttpDate,
  requestScheme,
  SELECTIVE,
  type StoreRules,
  URL_END,
  urlTag,
  validators,
} from '../cache/rules/index.js'
import type { Headers } from '../session/headers.js'
import type { RequestHeader } from '../session/message-headers.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { CacheOptions, CacheState } from './cache-state.js'

/**
 * Takes out of a request what no key holds (B19), since its answer may be for all; and what would make the answer less than the whole.
 * @param client fields of the client's request @param isWhole the whole is wanted
 */
export function stripRequest(headers: Headers, client: Fields, keys: KeyRules, isWhole: boolean): void {
  const scheme = headers.has('x-forwarded-proto') ? requestScheme(headers) : null
  // As long as it says what Host says, which is in the key.
  const isOwnHost = headers.get('x-forwarded-host') === client.get('host')
  const dropped = new Set<string>()
  for (const [name] of headers) {
    const lower = name.toLowerCase()
    if (isWhole && SELECTIVE.has(lower)) dropped.add(lower)
    else if (isUnkeyed(lower, keys.headers) && !(isOwnHost && lower === 'x-forwarded-host'))
      dropped.add(lower)
  }
  for (const name of dropped) headers.remove(name)
  // The scheme is in the key.
  if (scheme !== null) headers.set('x-forwarded-proto', scheme)
}

/** The parts of a request that its key begins with. */
export function keyParts({ headers, target }: RequestHeader) {
  return { scheme: requestScheme(headers), host: headers.get('host') ?? '', target }
}

/** Keys hold the URL and nothing else: an entry can be found by it. */
export function isKeyedByUrl({ cache, phases }: Pick<CacheOptions, 'cache' | 'phases'>): boolean {
  const { headers, cookies } = cache.config.keys
  return headers.length + cookies.length === 0 && phases.chain.places('cacheKey').length === 0
}

/** RFC 9111 §4.4: removes what an unsafe method has changed. */
export function invalidate(options: Pick<CacheOptions, 'cache' | 'phases'>, head: ResponseHead): void {
  const { cache, phases } = options
  const request = phases.session.downstreamRequest
  if (request === null || !isUnsafe(request.method)) return
  const { store } = cache.services
  const isPlain = isKeyedByUrl(options)
  const fields = new BlockFields(head.headerBlock)
  for (const url of invalidatedUrls(keyParts(request), head.status, fields, cache.config.keys)) {
    if (isPlain) store.purge(url + URL_END, 'hard')
    else store.purgeTag(urlTag(url), 'hard')
  }
}

/** When an answer was asked for and came. */
export function arrivalOf(
  { phases }: Pick<CacheOptions, 'phases'>,
  head: ResponseHead,
  requestMs: number,
): Arrival {
  const { timing } = phases.session
  const dateMs = head.date === undefined ? null : parseHttpDate(head.date)
  return { requestMs, responseMs: timing.upstreamResponseStart ?? now(), dateMs }
}

/** What the route wants of storing, and its filters. */
export function storeRules({ cache, phases }: Pick<CacheOptions, 'cache' | 'phases'>): StoreRules {
  const { rules } = cache
  if (phases.chain.places('cacheVaryFilter').length === 0) return rules
  const replace = (names: readonly string[]): readonly string[] =>
    phases.ask(
      'cacheVaryFilter',
      (filter, ctx) => filter.cacheVaryFilter?.(phases.session, names, ctx) ?? undefined,
    ) ?? names
  return { ...rules, vary: { ...rules.vary, replace } }
}

/** Has the entry at hand validated (RFC 9111 §4.3.1). @returns false: there is none, or it has no validator */
export function addValidators({ headers }: RequestHeader, { entry, head }: CacheState): boolean {
  if (entry === null || head === null) return false
  const meta = decodeMeta(head.meta)
  const lines = validators(head, meta, new BlockFields(meta.headerBlock))
  for (const line of lines.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 2))
  }
  return lines !== ''
}

/** Has the entry at hand validated behind the client's back, unless somebody does already. */
export function revalidateLater(
  { cache, phases, start }: CacheOptions,
  { found, primary }: CacheState,
): void {
  const limits = cache.config.lock ?? NO_LIMITS
  const lead = cache.services.locks.tryLead(found?.key ?? primary, limits)
  const { env, route } = phases
  if (lead === null) return
  if (env.revalidate === undefined) lead.release('failed')
  else env.revalidate({ start, route, lead })
}

/** Of validations in the background where sessions do not wait for each other. */
const NO_LIMITS = { leadMs: 10_000, waitMs: 10_000 }
