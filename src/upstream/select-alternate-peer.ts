import { NoPeerAvailable } from '../session/errors.js'
import type { Peer, Session } from '../session/session.js'

/**
 * The next peer after a failure (contract A-59): the first of `peers` that is not the one the session is at, and becomes the
 * session's peer. For filters that choose peers themselves; the gateway's own retries go by what was tried before.
 * @throws NoPeerAvailable when there is no other
 */
export function selectAlternatePeer(session: Session, peers: readonly Peer[]): Peer {
  const failed = session.upstreamPeer
  const other = peers.find(
    (peer) => failed === null || peer.address !== failed.address || peer.port !== failed.port,
  )
  if (other === undefined) throw new NoPeerAvailable(session.routeName())
  session.upstreamPeer = other
  return other
}
