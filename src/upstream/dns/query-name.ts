import type { LookupAddress } from 'node:dns'
import { lookup, Resolver } from 'node:dns/promises'
import { HostsFile } from './hosts-file.js'
import { Limiter } from './limiter.js'
import { NameNotResolved } from './name-not-resolved.js'
import type { AddressPreference, DnsAnswer, DnsQuery, DnsSettings, ResolvedAddress } from './types.js'

/** How long the first answer of a family waits for the other one while nobody knows an address (RFC 8305 §3). */
const RESOLUTION_DELAY_MS = 50

/**
 * The system's own lookup holds one of the four threads that a whole process has for such work, as long as it takes: so many at
 * a time for each worker (nodejs/node#8436).
 */
const SYSTEM_LOOKUPS = 2

/** Rounds over the name servers; the second waits twice as long. */
const TRIES = 2

/** There is no such name, or no name server: the system may still know it (search domains, mDNS, NSS). Never after a timeout. */
const ASK_SYSTEM: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED', 'EBADNAME'])

/** What a lookup asks on this machine, replaceable in tests. */
export interface SystemNames {
  readonly hosts: Pick<HostsFile, 'find'>
  readonly lookup: (host: string) => Promise<readonly LookupAddress[]>
  /** Name servers where the settings have none; empty: those of resolv.conf. */
  readonly servers: readonly string[]
}

function systemNames(): SystemNames {
  const options = { all: true, verbatim: true } as const
  return { hosts: new HostsFile(), lookup: (host) => lookup(host, options), servers: [] }
}

interface Found {
  readonly addresses: readonly ResolvedAddress[]
  readonly ttlMs: number | null
}

const NOTHING: Found = { addresses: [], ttlMs: null }

/**
 * Makes the query that the gateway uses: hosts file, then the name servers over c-ares, which needs no thread and tells TTLs, then,
 * unless own servers are set, the system's lookup. Every lookup has a c-ares channel of its own, so that its deadline ends nobody
 * else's and a changed resolv.conf is noticed. Truncated answers are asked for again over TCP by c-ares.
 */
export function createQuery(settings: DnsSettings, system = systemNames()): DnsQuery {
  const limiter = new Limiter(SYSTEM_LOOKUPS)
  return async (host, hurry) => {
    const local = preferred(system.hosts.find(host), settings.prefer)
    if (local.length > 0) return { addresses: local, ttlMs: null, lacks: null }
    try {
      return await askServers(
        host,
        hurry,
        settings.servers.length > 0 ? settings.servers : system.servers,
        settings,
      )
    } catch (error) {
      const code = codeOf(error)
      if (settings.servers.length > 0 || !ASK_SYSTEM.has(code)) throw new NameNotResolved(host, code, error)
      const addresses = preferred(
        await askSystem(host, settings.timeoutMs, limiter, system.lookup),
        settings.prefer,
      )
      return { addresses, ttlMs: null, lacks: null }
    }
  }
}

async function askServers(
  host: string,
  hurry: boolean,
  servers: readonly string[],
  settings: DnsSettings,
): Promise<DnsAnswer> {
  const { timeoutMs, prefer } = settings
  const resolver = new Resolver({ timeout: Math.max(50, Math.ceil(timeoutMs / 6)), tries: TRIES })
  if (servers.length > 0) resolver.setServers(servers)
  const timer = setTimeout(() => resolver.cancel(), timeoutMs)
  timer.unref()
  try {
    if (prefer === 'both') return await askBoth(resolver, host, hurry)
    const [first, second] = prefer === 'ipv4' ? ([4, 6] as const) : ([6, 4] as const)
    const wanted = await askFamily(resolver, host, first)
    const { addresses, ttlMs } =
      wanted.addresses.length > 0 ? wanted : await askFamily(resolver, host, second)
    if (addresses.length === 0) throw new NameNotResolved(host, 'ENODATA')
    return { addresses, ttlMs, lacks: null }
  } finally {
    clearTimeout(timer)
    // What is still asked for interests nobody any more.
    resolver.cancel()
  }
}

async function askBoth(resolver: Resolver, host: string, hurry: boolean): Promise<DnsAnswer> {
  const asked = [askFamily(resolver, host, 4), askFamily(resolver, host, 6)] as const
  const [v4, v6] = await settle(asked, hurry)
  if (v4 instanceof Error && v6 instanceof Error) throw v4
  const addresses = [
    ...(v4 instanceof Error ? [] : v4.addresses),
    ...(v6 instanceof Error ? [] : v6.addresses),
  ]
  const failed = v4 instanceof Error ? v4 : v6 instanceof Error ? v6 : null
  // One family has said that it has nothing; what the other one has, nobody knows.
  if (addresses.length === 0) throw failed ?? new NameNotResolved(host, 'ENODATA')
  const ttls = [v4, v6].flatMap((it) => (it instanceof Error || it.ttlMs === null ? [] : [it.ttlMs]))
  const lacks = failed === null ? null : failed === v4 ? 4 : 6
  return { addresses, ttlMs: lacks !== null && hurry ? 0 : Math.min(...ttls), lacks }
}

/** Both outcomes; in a hurry what has not come shortly after the first addresses counts as failed. */
async function settle(
  asked: readonly [Promise<Found>, Promise<Found>],
  hurry: boolean,
): Promise<readonly [Found | Error, Found | Error]> {
  const late = new Error('the other family was faster')
  const outcomes: [Found | Error, Found | Error] = [late, late]
  let timer: NodeJS.Timeout | undefined
  let cut = (): void => undefined
  const delay = new Promise<void>((resolve) => {
    cut = resolve
  })
  const noted = asked.map(async (promise, index) => {
    const outcome = await promise.catch((error: unknown) => toError(error))
    outcomes[index] = outcome
    if (!hurry || outcome instanceof Error || outcome.addresses.length === 0) return
    timer ??= setTimeout(cut, RESOLUTION_DELAY_MS)
  })
  await Promise.race([Promise.all(noted), delay])
  clearTimeout(timer)
  return outcomes
}

/** Addresses of one family, none of which is an answer too. @throws Error with the resolver's `code` */
async function askFamily(resolver: Resolver, host: string, family: 4 | 6): Promise<Found> {
  const ask = family === 4 ? resolver.resolve4.bind(resolver) : resolver.resolve6.bind(resolver)
  try {
    const records = await ask(host, { ttl: true })
    if (records.length === 0) return NOTHING
    return {
      addresses: records.map(({ address }) => ({ address, family })),
      ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000,
    }
  } catch (error) {
    if (codeOf(error) === 'ENODATA') return NOTHING
    throw error
  }
}

/** Waiting for a thread counts. A lookup that was given up keeps its place until the system lets go of the thread. */
function askSystem(
  host: string,
  timeoutMs: number,
  limiter: Limiter,
  lookup: SystemNames['lookup'],
): Promise<readonly ResolvedAddress[]> {
  let isGivenUp = false
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      isGivenUp = true
      reject(new NameNotResolved(host, 'ETIMEOUT'))
    }, timeoutMs)
    timer.unref()
    const found = limiter.run(async () => (isGivenUp ? [] : await lookup(host)))
    found
      .then(
        (all) => resolve(all.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }))),
        (error: unknown) => reject(new NameNotResolved(host, codeOf(error), error)),
      )
      .finally(() => clearTimeout(timer))
  })
}

function preferred(
  addresses: readonly ResolvedAddress[],
  prefer: AddressPreference,
): readonly ResolvedAddress[] {
  if (prefer === 'both') return addresses
  const wanted = addresses.filter(({ family }) => family === (prefer === 'ipv4' ? 4 : 6))
  return wanted.length > 0 ? wanted : addresses
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'EUNKNOWN'
}
