import { resolve } from 'node:path'
import type { z } from 'zod'
import { PathTree, parsePathPattern } from '../routing/index.js'
import type { Path } from './problem.js'
import { DEFAULT_QUERY_MACROS } from './query-macros.js'
import { resolveBeacons, resolveSlot } from './resolve-ad-slot.js'
import type { ResolveContext } from './resolve-context.js'
import type { adserving } from './schema-adserving.js'
import { suggest } from './suggest.js'
import type {
  AdServingConfig,
  AdSourceConfig,
  CapConfig,
  SinkConfig,
  StateStoreConfig,
} from './types-adserving.js'

type Parsed = z.output<typeof adserving>
type ParsedSink = NonNullable<Parsed['events']>['sinks'][number]
type ParsedCap = NonNullable<Parsed['campaigns'][string]['caps']>[number]

/** @param pattern of the route. @param path of `adserving` */
export function resolveAdServing(
  parsed: Parsed,
  pattern: string,
  path: Path,
  context: ResolveContext,
): AdServingConfig {
  const { guard, consent, noFill, events, campaigns } = parsed
  if (events !== undefined && !covers(pattern, events.path)) {
    const hint = `the pattern of the route is '${pattern}', write for example '/ads/*'`
    context.report('invalid-value', [...path, 'events', 'path'], 'no request for it comes to this route', {
      hint,
    })
  }
  return {
    sources: resolveSources(parsed, path, context),
    strategy: parsed.strategy,
    store: resolveStore(parsed, path, context),
    timeoutMs: parsed.timeout,
    retries: parsed.retries,
    guard: {
      allow: guard.allow,
      block: guard.block,
      ports: guard.ports.length === 0 ? 'any' : guard.ports,
      hosts: guard.hosts ?? null,
    },
    campaign: resolveCampaign(parsed, path, context),
    placements: parsed.placements,
    campaigns: Object.fromEntries(
      Object.entries(campaigns).map(([name, it]) => [
        name,
        {
          caps:
            it.caps?.map((cap, at) => resolveCap(cap, [...path, 'campaigns', name, 'caps', at], context)) ??
            null,
          cpm: it.cpm ?? null,
          price: it.price,
          budget: it.budget ?? null,
          pacing: it.pacing,
          dailyBudget: it.dailyBudget ?? null,
          flight: it.flight === undefined ? null : { startMs: it.flight.start, endMs: it.flight.end },
          lead: it.lead,
          maxHourly: it.maxHourly ?? null,
          advertiser: it.advertiser ?? null,
          lineItem: it.lineItem ?? null,
          category: it.category ?? null,
        },
      ]),
    ),
    defaultBudget: parsed.defaultBudget ?? null,
    anonymous: parsed.anonymous,
    capsWithoutStore: parsed.capsWithoutStore,
    budgetsWithoutStore: parsed.budgetsWithoutStore,
    user: parsed.user,
    macros: { ...parsed.macros, fromQuery: parsed.macros.fromQuery ?? DEFAULT_QUERY_MACROS },
    consent: { vendorId: consent.vendorId ?? null, optIn: consent.optIn, require: consent.require },
    slot: resolveSlot(parsed, path, context),
    beacons: resolveBeacons(parsed, path, context),
    noFill: { status: noFill.status === '204' ? 204 : 200, errors: noFill.errors },
    events:
      events === undefined
        ? null
        : {
            path: events.path,
            origin: events.origin ?? null,
            secrets: events.secrets,
            validSeconds: events.valid / 1000,
            holdSeconds: events.hold / 1000,
            late: events.late,
            sinks: events.sinks.map((sink, at) =>
              resolveSink(sink, [...path, 'events', 'sinks', at], context),
            ),
            queue: {
              capacity: events.queue.capacity,
              batchSize: events.queue.batch,
              lingerMs: events.queue.linger,
            },
          },
  }
}

function covers(pattern: string, path: string): boolean {
  const tree = new PathTree()
  tree.add(parsePathPattern(pattern), 0)
  return tree.find(path, 1, () => true) === 0
}

function resolveSources(parsed: Parsed, path: Path, context: ResolveContext): AdSourceConfig[] {
  const { sources, strategy } = parsed
  if (sources === undefined)
    return [resolveSource(parsed, path, parsed.openrtb ? 'openrtb' : 'vast', context)]
  if (parsed.vast !== undefined || parsed.openrtb !== undefined || sources.length === 0) {
    const message = sources.length === 0 ? "'sources' is empty" : "there are 'sources' and one beside them"
    context.report('invalid-value', [...path, 'sources'], message, { hint: 'a list, or one of its members' })
  }
  const resolved = sources.map((source, at) =>
    resolveSource(source, [...path, 'sources', at], source.name ?? `source-${at + 1}`, context),
  )
  const names = resolved.map(({ name }) => name)
  for (const [at, name] of names.entries()) {
    if (names.indexOf(name) === at) continue
    const hint = 'names tell them apart in logs'
    context.report('invalid-value', [...path, 'sources', at], `two sources are called '${name}'`, { hint })
  }
  const [first, ...others] = resolved.flatMap((one) => (one.kind === 'openrtb' ? [one.currency] : []))
  if (strategy === 'parallel' && others.some((currency) => currency !== first)) {
    const hint = 'give all of them one currency, or use the strategy waterfall'
    context.report('invalid-value', [...path, 'sources'], 'bids in several currencies cannot be compared', {
      hint,
    })
  }
  return resolved
}

function resolveSource(
  { vast, openrtb }: Pick<Parsed, 'vast' | 'openrtb'>,
  path: Path,
  name: string,
  context: ResolveContext,
): AdSourceConfig {
  if ((vast === undefined) === (openrtb === undefined)) {
    const message = vast === undefined ? "'vast' is missing" : "there is 'vast' or 'openrtb', not both"
    context.report(vast === undefined ? 'missing-key' : 'invalid-value', path, message, {
      hint: 'an ad server that answers with VAST, or an OpenRTB bidder',
    })
  }
  if (openrtb !== undefined) {
    const { url, tmax, currency, request } = openrtb
    return { kind: 'openrtb', name, url, tmaxMs: tmax, currency, request }
  }
  return {
    kind: 'vast',
    name,
    url: vast?.url ?? '',
    params: vast?.params ?? {},
    forward: vast?.forward ?? [],
    unwrap: vast?.unwrap ?? true,
    maxWrappers: vast?.maxWrappers ?? 0,
    hopTimeoutMs: vast?.hopTimeout ?? 0,
    serverSide: vast?.serverSide ?? false,
  }
}

function resolveSink(sink: ParsedSink, path: Path, context: ResolveContext): SinkConfig {
  const { kind, url, headers, timeout, stream, maxLength } = sink
  if (kind === 'log') return { kind }
  if (kind === 'redis') return { kind, url: url ?? 'redis://127.0.0.1:6379', stream, maxLength }
  if (url === undefined || !/^https?:\/\//i.test(url) || !URL.canParse(url)) {
    const hint = 'it begins with http:// or https://'
    const message = url === undefined ? "'url' is missing" : `'${url}' is not a URL`
    context.report(url === undefined ? 'missing-key' : 'invalid-value', path, message, { hint })
  }
  return { kind, url: url ?? '', headers, timeoutMs: timeout }
}

function resolveStore({ store }: Parsed, path: Path, context: ResolveContext): StateStoreConfig {
  const { kind, durability, onFailure, url, nodes } = store
  if (kind === 'memory') return { kind }
  if (kind === 'redis') return { kind, url }
  if (kind === 'redis-cluster') {
    if (nodes.length === 0)
      context.report('missing-key', [...path, 'store'], "'nodes' is missing", { hint: 'URLs of some nodes' })
    return { kind, nodes }
  }
  return { kind, path: resolve(context.baseFolder, store.path), durability, onFailure }
}

function resolveCampaign(parsed: Parsed, path: Path, context: ResolveContext): string {
  const names = Object.keys(parsed.campaigns)
  const check = (name: string, at: Path): void => {
    if (names.includes(name)) return
    const near = suggest(name, names)
    const hint = near === null ? `there are ${names.join(', ') || 'none'}` : `did you mean '${near}'?`
    context.report('invalid-value', at, `there is no campaign '${name}'`, { hint })
  }
  for (const [placement, name] of Object.entries(parsed.placements)) {
    check(name, [...path, 'placements', placement])
  }
  if (parsed.campaign !== undefined) {
    check(parsed.campaign, [...path, 'campaign'])
    return parsed.campaign
  }
  if (names.length > 1) {
    const hint = `one of ${names.join(', ')}`
    context.report('missing-key', path, "'campaign' is missing, and there is more than one", { hint })
  }
  return names[0] ?? 'default'
}

function resolveCap(cap: ParsedCap, path: Path, context: ResolveContext): CapConfig {
  const { max, every, calendar, lifetime, rolling, timeZone, per, event } = cap
  if ([every !== undefined, calendar !== undefined, lifetime].filter(Boolean).length !== 1) {
    const hint = 'for example every: 1h'
    context.report('invalid-value', path, "a cap has one of 'every', 'calendar' and 'lifetime'", { hint })
  }
  const shared = { max, per: [...new Set(per)], event }
  if (calendar !== undefined) return { ...shared, window: { kind: 'calendar', unit: calendar, timeZone } }
  if (lifetime || every === undefined) return { ...shared, window: { kind: 'lifetime' } }
  return { ...shared, window: { kind: rolling ? 'rolling' : 'fixed', seconds: every / 1000 } }
}
