import type { AdServingConfig, AdSourceConfig } from '../../config/types-adserving.js'
import type { AdLogger } from '../context/index.js'
import { withMiddleware } from '../middleware/index.js'
import { OpenRtbUpstream } from '../openrtb/index.js'
import { HttpTransport } from '../transports/index.js'
import type { AdRef, Fill, NoFill, Upstream } from '../upstream/index.js'
import { createDestinationGuard, type Trackers, VastUpstream } from '../vast/index.js'
import { FirstAdOnly } from './first-ad.js'
import { RtbVastUpstream } from './rtb-vast-upstream.js'

/** An ad that can be handed to a player. */
export interface VastAnswer extends Fill<AdRef> {
  /** @param trackers of the first ad alone: one reservation is one impression */
  toXml(trackers?: Trackers): string
}

export type RouteResult = VastAnswer | NoFill

/** Whom a route asks: the ad server or bidder of the configuration, behind a breaker and retries. */
export function createAdSource(config: AdServingConfig, logger: AdLogger): Upstream<RouteResult> {
  const { source, guard, timeoutMs, retries } = config
  const { hosts, ...ranges } = guard
  const destinations = createDestinationGuard({ ...ranges, ...(hosts === null ? {} : { hosts }) })
  const transport = new HttpTransport({ guard: destinations, timeoutMs })
  const upstream: Upstream<RouteResult> =
    source.kind === 'vast'
      ? new FirstAdOnly(vastUpstream(config, source, transport, destinations))
      : new RtbVastUpstream(
          new OpenRtbUpstream({
            transport,
            endpoint: source.url,
            template: source.request,
            tmaxMs: source.tmaxMs,
            currency: source.currency,
            logger,
          }),
        )
  return withMiddleware(upstream, {
    retry: { maxRetries: retries },
    breaker: {
      onChange: ({ to }) =>
        logger.warn({ upstream: upstream.name, to }, 'Circuit breaker of an ad source changed'),
    },
  })
}

function vastUpstream(
  { macros, timeoutMs }: AdServingConfig,
  source: Extract<AdSourceConfig, { kind: 'vast' }>,
  transport: HttpTransport,
  guard: ReturnType<typeof createDestinationGuard>,
): VastUpstream {
  return new VastUpstream({
    transport,
    guard,
    endpoint: source.url,
    params: source.params,
    macros,
    unwrap: source.unwrap,
    maxWrappers: source.maxWrappers,
    hopTimeoutMs: source.hopTimeoutMs,
    totalTimeoutMs: timeoutMs,
  })
}
