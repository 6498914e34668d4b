import { DEFAULT_ROUTE_CACHE } from '../cache/cache-config.js'
import { createCacheMemory, openCache, workerThread } from '../cache/cache-memory.js'
import { checkFilter } from '../filters/index.js'
import { DEFAULT_FORWARDING, ForwardingFields } from '../forwarding/index.js'
import {
  type Filter,
  FilterChain,
  type LifecycleEnv,
  type Route,
  RouteCache,
  type SessionOutcome,
  SessionRun,
  type SessionStart,
} from '../lifecycle/index.js'
import { createLogger } from '../logging/index.js'
import { parsePathPattern } from '../routing/index.js'
import { generateRequestId } from '../session/request-id.js'
import { DeadlineWheel, now } from '../time/index.js'
import { PeerSet, PeerTable, UpstreamGuard } from '../upstream/index.js'
import { toHeaders, wholeBody } from './bytes.js'
import { ManualClock, TICK_MS } from './manual-clock.js'
import { MemoryClient } from './memory-client.js'
import { MemoryUpstream } from './memory-upstream.js'
import { type HookCallRecord, recordHooks } from './record-hooks.js'
import { snapshot } from './snapshot.js'
import type { SessionSnapshot, TestAnswer, TestFilterOptions, TestRequest } from './types.js'

const decoder = new TextDecoder()

/**
 * Runs filters as a worker of the gateway does, without sockets, threads or time: every request is one session through the
 * real lifecycle.
 * @throws FilterLoadError for what is no filter, e.g. with a misspelt hook
 */
export function testFilter(filters: Filter | readonly Filter[], options: TestFilterOptions = {}): TestKit {
  const list = isList(filters) ? filters : [filters]
  return new TestKit(
    list.map((filter) => checkFilter(filter.name, filter)),
    options,
  )
}

function isList(filters: Filter | readonly Filter[]): filters is readonly Filter[] {
  return Array.isArray(filters)
}

/** What {@link testFilter} gives: send requests with {@link TestKit.request}. */
export class TestKit {
  /** Every line that the gateway or a filter's failure has logged, oldest first. */
  readonly logs: Readonly<Record<string, unknown>>[] = []
  readonly #filters: readonly Filter[]
  readonly #options: TestFilterOptions
  readonly #clock = new ManualClock()
  readonly #wheel = new DeadlineWheel({ clock: this.#clock, tickMs: TICK_MS })
  readonly #peers: PeerSet
  readonly #runs = new Set<SessionRun>()
  readonly #cache: RouteCache | null
  readonly #logger = createLogger({
    level: 'trace',
    format: 'json',
    destination: { write: (line: string) => void this.logs.push(JSON.parse(line)) },
  })

  /** Use {@link testFilter}. */
  constructor(filters: readonly Filter[], options: TestFilterOptions) {
    this.#filters = filters
    this.#options = options
    this.#cache = options.cache === true ? memoryCache() : null
    this.#peers = new PeerSet(
      Array.from({ length: options.peers ?? 1 }, (_, index) => ({
        id: `peer-${index}`,
        host: '127.0.0.1',
        port: 9001 + index,
      })),
    )
  }

  /** Sessions that have not ended. */
  get liveSessions(): number {
    return this.#runs.size
  }

  /** Lets time pass for the deadlines of hooks and upstreams: those within `ms` have passed when it returns. */
  advance(ms: number): void {
    this.#clock.advance(ms)
  }

  /** Ends what is under way, as a worker does that is told to stop. */
  shutdown(): void {
    for (const run of [...this.#runs]) run.onShutdown()
  }

  /**
   * Sends a request. The hooks that answer without waiting have run when it returns; the promise resolves when the session has
   * ended, with `logging` and `freeCtx` behind it.
   * @throws Error if the gateway broke the rules of HTTP framing towards client or upstream: a bug of the gateway's
   */
  async request(request: TestRequest = {}): Promise<TestAnswer> {
    const start = sessionStart(request)
    const calls: HookCallRecord[] = []
    const { windowBytes = Number.POSITIVE_INFINITY } = this.#options
    const client = new MemoryClient(start.method, windowBytes)
    const connector = new MemoryUpstream({
      upstream: this.#options.upstream ?? (() => ({ body: 'ok' })),
      wheel: this.#wheel,
      windowBytes,
      pooled: this.#options.pooled ?? false,
      peerOf: (target) => this.#peers.peers.find((peer) => peer.target === target) ?? NOWHERE,
    })
    const chain = new FilterChain(this.#filters.map((filter) => recordHooks(filter, calls)))
    let end: { outcome: SessionOutcome; session: SessionSnapshot } | null = null
    await new Promise<void>((resolve) => {
      const env = this.#env((outcome) => {
        end = { outcome, session: snapshot(outcome.session) }
        this.#runs.delete(run)
        client.close()
        // Behind `freeCtx` and what the session still has to release.
        setImmediate(resolve)
      })
      const run = new SessionRun(start, this.#route(chain, connector), env, client)
      this.#runs.add(run)
      request.signal?.addEventListener('abort', () => run.onClientAbort(), { once: true })
      void client.send(run, request.body)
    })
    if (client.breaches.length > 0) throw new Error(`bug in the gateway: ${client.breaches.join('; ')}`)
    return answerOf(client, connector, calls, end)
  }

  #env(onOutcome: (outcome: SessionOutcome) => void): LifecycleEnv {
    const { filterMs = 30_000, bufferedBodyBytes = 1024 * 1024 } = this.#options
    return { wheel: this.#wheel, filterMs, bufferedBodyBytes, logger: this.#logger, onOutcome }
  }

  #route(chain: FilterChain, connector: MemoryUpstream): Route {
    const { maxRetries = 3, timeouts = {}, routeName = 'test', routePath } = this.#options
    const { headersMs = 15_000, totalMs = 60_000 } = timeouts
    return {
      index: 0,
      name: routeName,
      ...(routePath === undefined ? {} : { pattern: parsePathPattern(routePath) }),
      chain,
      upstream: {
        // What a filter makes of retries is to be seen at once, and however many there are.
        guard: new UpstreamGuard(
          { retries: { max: maxRetries, backoff: { baseMs: 0, maxMs: 0 }, budget: null } },
          GUARD_MEMORY,
        ),
        config: {
          name: 'test',
          peers: this.#peers.peers.map((peer) => peer.target),
          timeouts: { connectMs: 0, headersMs, idleMs: 0, totalMs, tunnelMs: 0 },
          retries: { max: maxRetries },
          pool: { maxIdle: 0, idleMs: 0, maxAgeMs: 0 },
        },
        peers: this.#peers,
        connector,
      },
      bufferRequestBody: (this.#options.bufferRequestBody ?? false) || chain.bufferRequestBody,
      upgrades: [],
      bufferResponseBody: (this.#options.bufferResponseBody ?? false) || chain.bufferResponseBody,
      ...(this.#cache === null ? {} : { cache: this.#cache }),
    }
  }
}

/** Of a kit alone: two threads' worth of memory, of which the kit is one. */
function memoryCache(): RouteCache {
  const memory = createCacheMemory({ sizeBytes: 4 * 1024 * 1024, maxEntryBytes: 1024 * 1024 }, 1, 1, 1)
  return new RouteCache(DEFAULT_ROUTE_CACHE, {
    ...openCache(memory, workerThread(0)),
    count: () => undefined,
  })
}

const GUARD_MEMORY = new PeerTable({ workers: 1, rows: [0] }).guard(0, 0)
const FORWARDING = new ForwardingFields(DEFAULT_FORWARDING)
const NOWHERE = { address: '', port: 0, healthStatus: 'unknown' } as const

function sessionStart(request: TestRequest): SessionStart {
  const { method = 'GET', path = '/', remoteAddress = '203.0.113.1', body } = request
  const origin = { remoteAddress, requestId: request.requestId ?? generateRequestId(), startMs: now() }
  const headers = toHeaders(request.headers)
  if (!headers.has('host')) headers.append('host', 'test')
  const block = headers.toBlock()
  const headerBlock = block + FORWARDING.of(origin, block)
  const contentLength = body === undefined ? -1 : (wholeBody(body)?.length ?? -2)
  return { ...origin, method, target: path, headerBlock, contentLength }
}

function answerOf(
  client: MemoryClient,
  connector: MemoryUpstream,
  calls: readonly HookCallRecord[],
  end: { readonly outcome: SessionOutcome; readonly session: SessionSnapshot } | null,
): TestAnswer {
  if (end === null) throw new Error('the session has not ended')
  const body = client.content
  return {
    status: client.status,
    statusText: client.statusText,
    headers: client.headers,
    contentLength: client.contentLength,
    body,
    text: () => decoder.decode(body),
    trailers: client.trailers,
    informational: client.informationals,
    aborted: !client.complete,
    error: end.outcome.error,
    upstreamRequests: connector.seen,
    phases: calls.map(({ hook }) => hook),
    calls,
    session: end.session,
  }
}
