import type { Peer } from '../session/session.js'
import type { UpstreamPeer } from '../upstream/index.js'
import type { PhaseRunner } from './phase-runner.js'
import { isPromise } from './run-hooks.js'

/**
 * Phase 4: asks the filters for a peer.
 * @param tried is not tried again, whoever asks for it
 * @param next gets the one chosen, null: it is left to the balancer
 */
export function choosePeer(
  phases: PhaseRunner,
  tried: ReadonlySet<Peer> | null,
  next: (chosen: UpstreamPeer | null) => void,
): void {
  const { upstreamPeer } = phases.chain
  if (upstreamPeer.length === 0) {
    next(null)
    return
  }
  const { peers } = phases.route.upstream
  let chosen: UpstreamPeer | null = null
  phases.run(
    upstreamPeer,
    'upstreamPeer',
    (filter, session, ctx) => {
      if (chosen !== null) return undefined
      const candidates = peers.peers.filter((peer) => tried === null || !tried.has(peer))
      const wanted = filter.upstreamPeer?.(session, candidates, ctx)
      const take = (peer: Peer | null | undefined): undefined => {
        if (peer !== null && peer !== undefined) chosen = peers.find(peer, candidates)
      }
      return isPromise(wanted) ? wanted.then((peer) => take(peer ?? null)) : take(wanted ?? null)
    },
    () => next(chosen),
  )
}

/** Is there a peer that was not tried? A filter may choose one whose health keeps it from being chosen otherwise. */
export function isPeerLeft({ chain, route }: PhaseRunner, tried: ReadonlySet<Peer>): boolean {
  const { peers } = route.upstream
  if (chain.upstreamPeer.length > 0) return peers.peers.some((peer) => !tried.has(peer))
  return peers.hasUsable(tried)
}
