import {
  paramNames,
  parseLocation,
  parsePathPattern,
  parseTemplate,
  type RewriteConfig,
  type RouteAction,
  TemplateError,
} from '../routing/index.js'
import { FRAMING, isFieldValue, isToken } from '../session/header-rules.js'
import { conditionList } from './field-condition.js'
import { InvalidValue } from './invalid-value.js'
import { matchName } from './match.js'
import type { Path } from './problem.js'
import { resolveAdServing } from './resolve-adserving.js'
import { resolveCache } from './resolve-cache.js'
import type { ResolveContext } from './resolve-context.js'
import { resolveFilter } from './resolve-filter.js'
import type { ParsedConfig } from './schema.js'
import { suggest } from './suggest.js'
import type { FilterRef, MirrorConfig, RouteConfig, RouteMatch, SplitConfig } from './types.js'

export type ParsedRoute = NonNullable<ParsedConfig['routes']>[number]

const TARGETS = ['upstream', 'split', 'redirect', 'respond', 'adserving'] as const

/** One route with its references checked. */
export function resolveRoute(
  parsed: ParsedRoute,
  index: number,
  upstreams: readonly string[],
  context: ResolveContext,
): RouteConfig {
  const path: Path = ['routes', index]
  const match = resolveMatch(parsed.match, [...path, 'match'], context)
  const names = paramNames(parsePathPattern(match.path))
  checkTargets(parsed, path, context)
  if (parsed.upstream !== undefined) checkUpstream(parsed.upstream, [...path, 'upstream'], upstreams, context)
  const filters = parsed.filters.map((filter, at) => resolveFilter(filter, [...path, 'filters', at], context))
  const action = resolveAction(parsed, names, path, context)
  const cache = resolveCache(parsed.cache, [...path, 'cache'], context)
  return {
    name: matchName(match),
    match,
    upstream: parsed.upstream ?? null,
    ...(parsed.priority !== undefined && { priority: parsed.priority }),
    filters: [...rateLimitOf(parsed), ...filters.filter((filter) => filter !== null)],
    upgrades: [...new Set(parsed.upgrades)],
    bufferRequestBody: parsed.bufferRequestBody,
    bufferResponseBody: parsed.bufferResponseBody,
    ...(parsed.split === undefined ? {} : { split: resolveSplit(parsed.split, path, upstreams, context) }),
    ...(action === null ? {} : { action }),
    ...(parsed.adserving === undefined
      ? {}
      : { adserving: resolveAdServing(parsed.adserving, match.path, [...path, 'adserving'], context) }),
    ...(cache === null ? {} : { cache }),
    ...(parsed.mirror === undefined
      ? {}
      : { mirror: resolveMirror(parsed.mirror, path, upstreams, context) }),
    ...(parsed.rewrite === undefined
      ? {}
      : { rewrite: resolveRewrite(parsed.rewrite, names, path, context) }),
    ...(parsed.host === undefined ? {} : { host: parsed.host }),
  }
}

/** The option is the filter of the same name, before all others. */
function rateLimitOf({ rateLimit }: ParsedRoute): FilterRef[] {
  if (rateLimit === undefined) return []
  const { redis, window, ...others } = rateLimit
  const shared = redis === undefined ? {} : { redis: { ...redis, timeout: `${redis.timeout}ms` } }
  const options = { ...others, ...shared, window: `${window}ms` }
  return [{ kind: 'builtin', name: 'rate-limit', options }]
}

/** Names of the upstreams that a route makes use of. */
export function upstreamsOf(route: RouteConfig): string[] {
  const { upstream, split, mirror } = route
  return [
    ...(upstream === null ? [] : [upstream]),
    ...(split?.branches ?? []).map((branch) => branch.upstream),
    ...(mirror === undefined ? [] : [mirror.upstream]),
  ]
}

function resolveMatch(parsed: ParsedRoute['match'], path: Path, context: ResolveContext): RouteMatch {
  const { host, path: pattern, method } = parsed
  const conditions = (kind: 'header' | 'query') => {
    const key = kind === 'header' ? 'headers' : 'query'
    try {
      return conditionList(parsed[key], kind)
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      context.report('invalid-value', [...path, key], error.message, { hint: error.hint, aspect: 'key' })
      return []
    }
  }
  const headers = conditions('header')
  const query = conditions('query')
  return {
    host: host ?? null,
    path: pattern,
    methods: method === undefined ? null : [...new Set(method)],
    ...(headers.length === 0 ? {} : { headers }),
    ...(query.length === 0 ? {} : { query }),
  }
}

/** Exactly one thing serves a route. */
function checkTargets(parsed: ParsedRoute, path: Path, context: ResolveContext): void {
  const [first, second] = TARGETS.filter((key) => parsed[key] !== undefined)
  if (first === undefined) {
    const hint = 'Name of the upstream that serves the route; or split, redirect, respond or adserving.'
    context.report('missing-key', path, "'upstream' is missing", { hint })
    return
  }
  if (second !== undefined) {
    const hint = 'take one of them out'
    const at = [...path, second]
    context.report('invalid-value', at, `a route has '${first}' or '${second}', not both`, {
      hint,
      aspect: 'key',
    })
  }
  if (first === 'upstream' || first === 'split') return
  for (const key of ['mirror', 'rewrite', 'host', 'cache'] as const) {
    if (parsed[key] === undefined) continue
    const message = `it has no effect: '${first}' asks no upstream`
    context.report('invalid-value', [...path, key], message, { hint: 'take it out', aspect: 'key' })
  }
}

function checkUpstream(
  name: string,
  path: Path,
  upstreams: readonly string[],
  context: ResolveContext,
  aspect: 'key' | 'value' = 'value',
): void {
  if (upstreams.includes(name)) return
  const near = suggest(name, upstreams)
  const hint = near === null ? `there are ${upstreams.join(', ')}` : `did you mean '${near}'?`
  context.report('unknown-upstream', path, `there is no upstream '${name}'`, { hint, aspect })
}

function resolveSplit(
  parsed: NonNullable<ParsedRoute['split']>,
  path: Path,
  upstreams: readonly string[],
  context: ResolveContext,
): SplitConfig {
  const at = [...path, 'split', 'upstreams']
  const branches = Object.entries(parsed.upstreams).map(([upstream, weight]) => ({ upstream, weight }))
  for (const { upstream } of branches) checkUpstream(upstream, [...at, upstream], upstreams, context, 'key')
  if (branches.every(({ weight }) => weight === 0)) {
    context.report('invalid-value', at, 'no upstream has a weight above 0', { aspect: 'key' })
  }
  return { branches, key: parsed.key }
}

function resolveMirror(
  parsed: NonNullable<ParsedRoute['mirror']>,
  path: Path,
  upstreams: readonly string[],
  context: ResolveContext,
): MirrorConfig {
  checkUpstream(parsed.upstream, [...path, 'mirror', 'upstream'], upstreams, context)
  const { upstream, share, maxInFlight, maxBody, timeout } = parsed
  return { upstream, share, maxInFlight, maxBodyBytes: maxBody, timeoutMs: timeout }
}

function resolveRewrite(
  parsed: NonNullable<ParsedRoute['rewrite']>,
  names: readonly string[],
  path: Path,
  context: ResolveContext,
): RewriteConfig {
  const at = [...path, 'rewrite']
  const { stripPrefix = '', addPrefix = '', path: template } = parsed
  if (template !== undefined) {
    if (stripPrefix !== '' || addPrefix !== '') {
      context.report('invalid-value', [...at, 'path'], "a rewrite has 'path' or prefixes, not both", {
        aspect: 'key',
      })
    }
    if (!template.startsWith('/') && !template.startsWith('{path}')) {
      context.report('invalid-value', [...at, 'path'], `'${template}' does not begin with '/'`)
    }
    checkTemplate(
      () => parseTemplate(template, ['path', ...names]),
      [...at, 'path'],
      ['path', ...names],
      context,
    )
    const bad = /[?#]/.exec(template)
    if (bad !== null) {
      context.report('invalid-value', [...at, 'path'], 'a path has no query: that of the request stays', {
        needle: bad[0],
      })
    }
  }
  return { stripPrefix, addPrefix, path: template ?? null }
}

function resolveAction(
  parsed: ParsedRoute,
  names: readonly string[],
  path: Path,
  context: ResolveContext,
): RouteAction | null {
  const { redirect, respond } = parsed
  if (redirect !== undefined) {
    const isShort = typeof redirect === 'string'
    const { to, status } = isShort ? { to: redirect, status: 302 as const } : redirect
    const at = isShort ? [...path, 'redirect'] : [...path, 'redirect', 'to']
    checkTemplate(() => parseLocation(to, names), at, ['host', 'path', 'query', ...names], context)
    return { kind: 'redirect', status, to }
  }
  if (respond === undefined) return null
  const { status, headers, body } = respond
  let headerBlock = ''
  for (const [name, value] of Object.entries(headers)) {
    const at = [...path, 'respond', 'headers', name]
    const lower = name.toLowerCase()
    if (!isToken(name))
      context.report('invalid-value', at, `'${name}' is not a header name`, { aspect: 'key' })
    else if (FRAMING.has(lower) || ['date', 'via', 'x-request-id'].includes(lower)) {
      context.report('invalid-value', at, `the gateway writes '${name}' itself`, { aspect: 'key' })
    } else if (!isFieldValue(value)) {
      context.report(
        'invalid-value',
        at,
        'control characters and characters above U+00FF are not for headers',
      )
    }
    headerBlock += `${name}: ${value}\r\n`
  }
  if (body !== '' && (status === 204 || status === 205 || status === 304)) {
    context.report(
      'invalid-value',
      [...path, 'respond', 'body'],
      `an answer with status ${status} has no body`,
    )
  }
  if (body !== '' && !/^content-type:/im.test(headerBlock))
    headerBlock += 'content-type: text/plain; charset=utf-8\r\n'
  return { kind: 'respond', status, headerBlock, body }
}

function checkTemplate(
  parse: () => unknown,
  path: Path,
  known: readonly string[],
  context: ResolveContext,
): void {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error
    const { message, needle } = error
    context.report('invalid-value', path, message, { hint: templateHint(needle, known), needle })
  }
}

function templateHint(needle: string, known: readonly string[]): string | null {
  const wanted = /^\{(.*)\}$/.exec(needle)?.[1]
  if (wanted === undefined || known.includes(wanted)) return null
  const near = suggest(wanted, known)
  return near === null
    ? `there are ${known.map((name) => `{${name}}`).join(', ')}`
    : `did you mean '{${near}}'?`
}
