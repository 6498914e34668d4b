import { DEFAULT_ROUTE_CACHE, type RouteCacheConfig } from '../cache/cache-config.js'
import { conditionList } from './field-condition.js'
import { InvalidValue } from './invalid-value.js'
import type { Path } from './problem.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import type { ParsedCache } from './schema-cache.js'

type Written = NonNullable<ParsedConfig['routes']>[number]['cache']

/** Statuses that `default` stands for: what is cacheable by default (RFC 9110 §15.1) and no error of the moment. */
const DEFAULT_STATUSES = [200, 203, 204, 300, 301, 308, 404, 410]

/** A route's cache; null: it has none. */
export function resolveCache(written: Written, path: Path, context: ResolveContext): RouteCacheConfig | null {
  if (written === undefined || written === false) return null
  if (written === true) return DEFAULT_ROUTE_CACHE
  const parsed = written
  const { keys, vary, stale, lock, heuristic, methods, requestControl, showKey } = parsed
  return {
    ttl: resolveTtl(parsed.ttl, [...path, 'ttl'], context),
    heuristic: heuristic === false ? null : { share: heuristic.share, maxMs: heuristic.max },
    keys: {
      query: queryRule(keys.query),
      sortQuery: keys.sortQuery,
      headers: keys.headers,
      cookies: keys.cookies,
    },
    vary: { allow: vary.allow ?? null, ignore: vary.ignore },
    methods: [...new Set(methods)],
    stale: { whileRevalidateMs: stale.whileRevalidate, ifErrorMs: stale.ifError },
    lock: lock === false ? null : { leadMs: lock.age, waitMs: lock.wait },
    bypass: resolveBypass(parsed.bypass, [...path, 'bypass'], context),
    requestControl,
    showKey,
    showStatus: true,
  }
}

function queryRule(query: ParsedCache['keys']['query']): RouteCacheConfig['keys']['query'] {
  if (typeof query === 'string') return { kind: query }
  return 'only' in query ? { kind: 'only', names: query.only } : { kind: 'except', names: query.except }
}

/** Single statuses go before classes, and those before the default. */
function resolveTtl(ttl: ParsedCache['ttl'], path: Path, context: ResolveContext): RouteCacheConfig['ttl'] {
  const single: RouteCacheConfig['ttl'][number][] = []
  const classes: RouteCacheConfig['ttl'][number][] = []
  const rest: RouteCacheConfig['ttl'][number][] = []
  for (const [key, ms] of Object.entries(ttl)) {
    if (key === 'default') rest.push(...DEFAULT_STATUSES.map((status) => ({ from: status, to: status, ms })))
    else if (/^[2345]xx$/.test(key)) {
      const from = Number(key[0]) * 100
      classes.push({ from, to: from + 99, ms })
    } else if (/^[2345]\d\d$/.test(key) && key !== '206' && key !== '304') {
      single.push({ from: Number(key), to: Number(key), ms })
    } else {
      const hint = 'write a status such as 404, a class such as 5xx, or default; 206 and 304 are never stored'
      context.report('invalid-value', [...path, key], `'${key}' is no status that can be stored`, {
        hint,
        aspect: 'key',
      })
    }
  }
  return [...single, ...classes, ...rest]
}

function resolveBypass(
  bypass: ParsedCache['bypass'],
  path: Path,
  context: ResolveContext,
): RouteCacheConfig['bypass'] {
  const list = (key: 'headers' | 'cookies' | 'query') => {
    try {
      return conditionList(bypass[key], key === 'headers' ? 'header' : 'query')
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      context.report('invalid-value', [...path, key], error.message, { hint: error.hint, aspect: 'key' })
      return []
    }
  }
  return { headers: list('headers'), cookies: list('cookies'), query: list('query') }
}
