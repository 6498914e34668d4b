import { BREAKER_STATES } from '../upstream/index.js'
import { labelText as label, type Metric, type Sample } from './metric.js'
import type { PeerStats, UpstreamStats } from './peer-stats.js'

const STATES = ['healthy', 'unhealthy', 'unknown', 'maintenance'] as const

/** Metrics of the peers, summed over those of an upstream: its name is from the configuration, an address may not be. */
export function peerMetrics(upstreams: readonly UpstreamStats[]): Metric[] {
  const sum = (of: (peer: PeerStats) => number): Sample[] =>
    upstreams.map(({ name, peers }) => [label({ upstream: name }), total(peers, of)])
  const states: Sample[] = upstreams.flatMap(({ name, peers }) =>
    STATES.map(
      (state): Sample => [
        label({ upstream: name, state }),
        peers.filter(({ health }) => health === state).length,
      ],
    ),
  )
  const checks: Sample[] = upstreams.flatMap(({ name, peers }): Sample[] => [
    [label({ upstream: name, result: 'passed' }), total(peers, (peer) => peer.checksPassed)],
    [label({ upstream: name, result: 'failed' }), total(peers, (peer) => peer.checksFailed)],
  ])
  // Who was ejected first is back by now or still out; each further ejection in between is no change.
  const ejected = ({ restores, ejected: isOut }: PeerStats): number => restores + Number(isOut)
  const changes: Sample[] = upstreams.flatMap(({ name, peers }): Sample[] => [
    [label({ upstream: name, to: 'healthy' }), total(peers, (peer) => peer.restores + peer.turnedHealthy)],
    [
      label({ upstream: name, to: 'unhealthy' }),
      total(peers, (peer) => ejected(peer) + peer.turnedUnhealthy),
    ],
  ])
  return [
    [
      'upstream_healthy',
      'gauge',
      'Whether any peer of the upstream may be asked: neither unhealthy, nor in maintenance, nor ejected.',
      upstreams.map(({ name, peers }): Sample => [label({ upstream: name }), Number(peers.some(mayBeAsked))]),
    ],
    ['upstream_peers', 'gauge', 'Peers by health.', states],
    [
      'upstream_peers_ejected',
      'gauge',
      'Peers left out for failed requests.',
      sum((peer) => Number(peer.ejected)),
    ],
    ['upstream_requests_in_flight', 'gauge', 'Requests at the peers.', sum((peer) => peer.inFlight)],
    ['upstream_ejections_total', 'counter', 'Ejections of peers.', sum((peer) => peer.ejections)],
    ['upstream_health_checks_total', 'counter', 'Active checks by result.', checks],
    ['upstream_health_changes_total', 'counter', 'Changes of health by what it became.', changes],
    ...guardMetrics(upstreams),
  ]
}

/** What keeps the load within bounds, by upstream. */
function guardMetrics(upstreams: readonly UpstreamStats[]): Metric[] {
  const each = (of: (upstream: UpstreamStats) => number): Sample[] =>
    upstreams.map((upstream) => [label({ upstream: upstream.name }), of(upstream)])
  const states: Sample[] = upstreams.flatMap(({ name, breaker }) =>
    BREAKER_STATES.map((state): Sample => [label({ upstream: name, state }), Number(breaker === state)]),
  )
  const changes: Sample[] = upstreams.flatMap(({ name, breakerOpened, breakerClosed }): Sample[] => [
    [label({ upstream: name, to: 'open' }), breakerOpened],
    [label({ upstream: name, to: 'closed' }), breakerClosed],
  ])
  return [
    [
      'upstream_retry_overflow_total',
      'counter',
      'Retries not made because the budget was used up.',
      each(({ retryOverflows }) => retryOverflows),
    ],
    ['upstream_requests_pending', 'gauge', 'Requests waiting for a place.', each(({ pending }) => pending)],
    [
      'upstream_limit_rejected_total',
      'counter',
      'Requests refused for want of a place.',
      each(({ limitRejected }) => limitRejected),
    ],
    [
      'upstream_concurrency_limit',
      'gauge',
      'Requests that an adaptive limit allows at once; 0 without one.',
      each(({ concurrencyLimit }) => concurrencyLimit),
    ],
    ['upstream_breaker_state', 'gauge', 'The state of the breaker is 1, the others 0.', states],
    ['upstream_breaker_changes_total', 'counter', 'Changes of the breaker by what it became.', changes],
    [
      'upstream_breaker_rejected_total',
      'counter',
      'Requests refused by an open breaker.',
      each(({ breakerRejected }) => breakerRejected),
    ],
  ]
}

/** One whose ejection is over waits for a probe: it is asked. */
function mayBeAsked({ health, ejected, ejectedForMs }: PeerStats): boolean {
  return (health === 'healthy' || health === 'unknown') && (!ejected || ejectedForMs === 0)
}

function total(peers: readonly PeerStats[], of: (peer: PeerStats) => number): number {
  return peers.reduce((sum, peer) => sum + of(peer), 0)
}
