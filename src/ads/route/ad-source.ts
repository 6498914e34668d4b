import type { AdServingConfig, AdSourceConfig } from '../../config/types-adserving.js'
import type { AdLogger } from '../context/index.js'
import {
  type CircuitBreakerOptions,
  FallbackUpstream,
  WrappedUpstream,
  withMiddleware,
} from '../middleware/index.js'
import { OpenRtbUpstream } from '../openrtb/index.js'
import { HttpTransport } from '../transports/index.js'
import type { Fill, NoFill, Upstream } from '../upstream/index.js'
import { createDestinationGuard, type VastAd, type VastCall, VastUpstream } from '../vast/index.js'
import { paramNames } from './ad-request.js'
import { ParallelUpstream } from './parallel-upstream.js'
import { macroOptions } from './route-macros.js'
import { RtbVastUpstream } from './rtb-vast-upstream.js'
import { type HandedOn, type ReportMisfit, SlotUpstream } from './slot-upstream.js'

/** An ad that can be handed to a player. */
export interface VastAnswer extends Fill<VastAd> {
  readonly units: readonly VastAd[]
  /** @param handedOn those of its `units` that are shown, as the player gets them */
  toXml(handedOn: readonly HandedOn[]): string
  /** Where it was bid for. */
  readonly bid?: Bid
  /** Name of the source, where there are several. */
  readonly answeredBy?: string
}

/** An offer that the bidder wants to hear about again. */
export interface Bid {
  /** Price of a thousand, in the bidder's currency. */
  readonly cpmMicros: number
  /** The ad of another one is handed on. */
  refuse(): void
}

export type RouteResult = VastAnswer | NoFill

/** Where the breaker of a source is that all workers share. */
export type SourceBreaker = Required<
  Pick<CircuitBreakerOptions<RouteResult>, 'memory' | 'worker' | 'workers' | 'epochMs'>
>

/**
 * Whom a route asks: the ad servers and bidders of the configuration, each behind a breaker and retries.
 * @param breakers by source. Default: this thread's own
 */
export function createAdSource(
  config: AdServingConfig,
  logger: AdLogger,
  report: ReportMisfit,
  breakers: readonly SourceBreaker[] = [],
): Upstream<RouteResult> {
  const { hosts, ...ranges } = config.guard
  const guard = createDestinationGuard({ ...ranges, ...(hosts === null ? {} : { hosts }) })
  const sources = config.sources.map((source, at) => {
    const transport = new HttpTransport({ guard, timeoutMs: config.timeoutMs })
    const upstream =
      source.kind === 'vast'
        ? vastUpstream(config, source, transport, guard)
        : new RtbVastUpstream(rtbUpstream(source, transport, logger))
    const fitting = new SlotUpstream(upstream, config.slot, report)
    const wrapped = withMiddleware<RouteResult>(new ForSource(fitting, source), {
      retry: { maxRetries: config.retries },
      breaker: {
        ...breakers[at],
        onChange: ({ to }) =>
          logger.warn({ upstream: upstream.name, to }, 'Circuit breaker of an ad source changed'),
      },
    })
    return wrapped
  })
  const [only] = sources
  if (sources.length === 1 && only !== undefined) return only
  return config.strategy === 'parallel'
    ? new ParallelUpstream(sources, logger)
    : new FallbackUpstream<RouteResult>(sources, 'waterfall')
}

/** Tells a source only what it is to know of a call. */
class ForSource extends WrappedUpstream<RouteResult> {
  readonly #names: readonly string[]
  readonly #serverSide: boolean

  constructor(inner: Upstream<RouteResult>, source: AdSourceConfig) {
    super(inner)
    this.#names = paramNames(source)
    this.#serverSide = source.kind === 'vast' && source.serverSide
  }

  request({ device, ...call }: VastCall = {}): Promise<RouteResult> {
    const { params = {} } = call
    const told = Object.fromEntries(Object.entries(params).filter(([name]) => this.#names.includes(name)))
    const own: VastCall = {
      ...call,
      params: told,
      ...(this.#serverSide && device !== undefined ? { device } : {}),
    }
    return this.inner.request(own)
  }
}

function rtbUpstream(
  source: Extract<AdSourceConfig, { kind: 'openrtb' }>,
  transport: HttpTransport,
  logger: AdLogger,
): OpenRtbUpstream {
  return new OpenRtbUpstream({
    name: source.name,
    transport,
    endpoint: source.url,
    template: source.request,
    tmaxMs: source.tmaxMs,
    currency: source.currency,
    logger,
  })
}

function vastUpstream(
  { macros, timeoutMs, slot }: AdServingConfig,
  source: Extract<AdSourceConfig, { kind: 'vast' }>,
  transport: HttpTransport,
  guard: ReturnType<typeof createDestinationGuard>,
): VastUpstream {
  return new VastUpstream({
    name: source.name,
    transport,
    guard,
    endpoint: source.url,
    params: source.params,
    macros: macroOptions(macros),
    values: { ADTYPE: slot.adType ?? 'video' },
    unwrap: source.unwrap,
    maxWrappers: source.maxWrappers,
    hopTimeoutMs: source.hopTimeoutMs,
    totalTimeoutMs: timeoutMs,
  })
}
