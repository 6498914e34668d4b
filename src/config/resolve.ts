import { resolve } from 'node:path'
import type { CacheMemoryConfig } from '../cache/cache-config.js'
import { resolveWorkers } from './default-workers.js'
import { detectMachine, type SystemReaders, systemReaders } from './machine.js'
import { covers } from './match.js'
import { resolveAdmin } from './resolve-admin.js'
import type { ResolveContext } from './resolve-context.js'
import { resolveDns } from './resolve-dns.js'
import { resolveObservability } from './resolve-observability.js'
import { type ParsedRoute, resolveRoute, upstreamsOf } from './resolve-route.js'
import { resolveTls } from './resolve-tls.js'
import { resolveUpstream } from './resolve-upstream.js'
import type { ParsedConfig } from './schema.js'
import { machineChanges, tunedOn } from './tuned-on.js'
import type { GatewayConfig, RouteConfig } from './types.js'
import type { UpstreamConfig } from './types-upstream.js'

/** The route of a config that names none: everything goes to its only upstream. */
const CATCH_ALL: Omit<ParsedRoute, 'upstream'> = {
  match: { path: '/*', headers: {}, query: {} },
  filters: [],
  bufferRequestBody: false,
  upgrades: ['websocket'],
  bufferResponseBody: false,
}

/**
 * Checks what the schema cannot see (references, files, routes that are never reached) and gives the effective config.
 * Problems go to `context.report`; after an error among them the result must not be used.
 */
export function resolveConfig(
  parsed: ParsedConfig,
  file: string | null,
  context: ResolveContext,
  readers: SystemReaders = systemReaders,
): GatewayConfig {
  const upstreams = Object.entries(parsed.upstreams).map(([name, upstream]) =>
    resolveUpstream(name, upstream, context),
  )
  if (upstreams.length === 0) {
    const hint = "for example: upstreams: { app: { peers: ['127.0.0.1:9000'] } }"
    context.report('missing-key', ['upstreams'], 'there is no upstream', { hint, aspect: 'key' })
  }
  const routes = resolveRoutes(parsed, upstreams, context).map((route) =>
    parsed.answers.cacheStatus || route.cache === undefined
      ? route
      : { ...route, cache: { ...route.cache, showStatus: false } },
  )
  const tls = resolveTls(parsed, context)
  // `auto` takes `uws` on Linux only, which tells how many connections an address has.
  if (parsed.limits.connectionsPerAddress > 0 && parsed.acceptor === 'uws' && process.platform !== 'linux') {
    const message = 'the acceptor `uws` cannot tell whose connection was closed, but on Linux'
    const hint = "write 'acceptor: node', or take it out"
    context.report('invalid-value', ['limits', 'connectionsPerAddress'], message, { hint })
  }
  checkTuning(parsed, context, readers)
  const { limits, client, overload, drain, workerLimits, log } = parsed
  return {
    file,
    listen: parsed.listen,
    ...(tls !== undefined && { tls }),
    admin: resolveAdmin(parsed, context),
    workers: resolveWorkers(parsed.workers, readers),
    acceptor: parsed.acceptor,
    limits: {
      headerBytes: limits.header,
      headerCount: limits.headerCount,
      targetBytes: limits.url,
      bodyBytes: limits.body,
      webSocketMessageBytes: limits.webSocketMessage,
      webSocketCompressedBytes: limits.webSocketCompressed,
      bufferedBodyBytes: limits.bufferedBody,
      connections: limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress,
      filterMs: limits.filter,
      sessionsPerWorker: limits.sessions,
    },
    client: { idleMs: client.idle, bodyMs: client.body, writeMs: client.write, chunked: client.chunked },
    forwarding: { ...parsed.forwarding, cdnLoop: parsed.forwarding.cdnLoop ?? null },
    paths: parsed.paths,
    overload: {
      queueSessions: overload.queue,
      queueMs: overload.queueTimeout,
      memoryBytes: overload.memory,
      lagMs: overload.lag,
    },
    drain: { timeoutMs: drain.timeout, delayMs: drain.delay },
    workerLimits: {
      heapBytes: workerLimits.heap,
      watchdogMs: workerLimits.watchdog,
      maxAgeMs: workerLimits.maxAge,
      memoryBytes: workerLimits.memory,
      failedStarts: workerLimits.failedStarts,
    },
    log,
    ...resolveObservability(parsed, context),
    dns: resolveDns(parsed, context),
    ...(routes.some((route) => route.cache !== undefined) && { cache: resolveMemory(parsed, context) }),
    upstreams,
    routes,
  }
}

function resolveRoutes(
  parsed: ParsedConfig,
  upstreams: readonly UpstreamConfig[],
  context: ResolveContext,
): RouteConfig[] {
  const names = upstreams.map((upstream) => upstream.name)
  const routes = (parsed.routes ?? defaultRoutes(names, context)).map((route, index) =>
    resolveRoute(route, index, names, context),
  )
  for (const [index, route] of routes.entries()) {
    const earlier = routes.slice(0, index).find((other) => covers(other.match, route.match))
    if (earlier === undefined) continue
    // The same match twice is a mistake; a narrower one behind a wider one may be left on purpose while editing.
    const same = covers(route.match, earlier.match)
    const message = `the route '${route.name}' is never reached: routes[${routes.indexOf(earlier)}] '${earlier.name}' takes all its requests`
    const hint = same ? 'take one of them out' : 'put it before that one'
    const severity = same ? 'error' : 'warning'
    context.report('unreachable-route', ['routes', index, 'match'], message, {
      hint,
      severity,
      aspect: 'key',
    })
  }
  for (const name of names) {
    if (routes.some((route) => upstreamsOf(route).includes(name))) continue
    const message = `no route uses the upstream '${name}'`
    context.report('unused-upstream', ['upstreams', name], message, { severity: 'warning', aspect: 'key' })
  }
  const taken = new Map<string, number>()
  return routes.map((route) => {
    // Routes that differ in the values of conditions only.
    const nth = (taken.get(route.name) ?? 0) + 1
    taken.set(route.name, nth)
    return nth === 1 ? route : { ...route, name: `${route.name} #${nth}` }
  })
}

function defaultRoutes(names: readonly string[], context: ResolveContext): ParsedRoute[] {
  const [only, another] = names
  if (only === undefined) return []
  if (another !== undefined) {
    const hint = `say which requests go where, for example: routes: [{ match: { path: '/*' }, upstream: ${only} }]`
    context.report('missing-key', [], "'routes' is missing, and there is more than one upstream", { hint })
  }
  return [{ ...CATCH_ALL, upstream: only }]
}

function resolveMemory({ cache }: ParsedConfig, context: ResolveContext): CacheMemoryConfig {
  const sizeBytes = cache.size
  const most = Math.floor(sizeBytes / 4)
  if (cache.maxEntrySize > most && context.isWritten(['cache', 'maxEntrySize'])) {
    const message = 'an entry takes at most a quarter of cache.size'
    context.report('invalid-value', ['cache', 'maxEntrySize'], message, { hint: `at most ${most}B` })
  }
  return {
    sizeBytes,
    maxEntryBytes: Math.min(cache.maxEntrySize, most),
    ...(cache.snapshot === undefined ? {} : { snapshotFile: resolve(context.baseFolder, cache.snapshot) }),
  }
}

/** A worker count that was measured on another machine is only a guess on this one. */
function checkTuning(parsed: ParsedConfig, context: ResolveContext, readers: SystemReaders): void {
  if (parsed.tunedOn === undefined || parsed.workers === 'auto') return
  const { cores, quota, memory, cpu } = parsed.tunedOn
  const changes = machineChanges({ cores, quota, memoryBytes: memory, cpu }, tunedOn(detectMachine(readers)))
  if (changes.length === 0) return
  const message = `workers: ${parsed.workers} was measured on another machine: here are ${changes.join(', ')}`
  const hint = "measure again with 'headgate tune --write', or write 'workers: auto'"
  context.report('stale-tuning', ['tunedOn'], message, { severity: 'warning', hint, aspect: 'key' })
}
