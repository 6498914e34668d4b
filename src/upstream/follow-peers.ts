import type { NameResolver } from './dns/index.js'
import type { PeerSet } from './peer-set.js'
import { isNamed } from './peers/index.js'

/** What it needs of an upstream. */
export interface FollowedUpstream {
  readonly peers: Pick<PeerSet, 'peers' | 'refresh'>
  readonly connector: { retainTargets?(ids: ReadonlySet<string>): void }
}

/**
 * Takes over what the control thread has published: new peers get sessions, connections to those that are gone are not used again. A
 * name is asked for by a worker itself only while the name stands in the table in the place of its addresses.
 */
export class PeerFollower {
  readonly #upstreams: readonly FollowedUpstream[]
  readonly #names: Pick<NameResolver, 'watch' | 'forget'>
  #own = new Set<string>()

  constructor(upstreams: Iterable<FollowedUpstream>, names: Pick<NameResolver, 'watch' | 'forget'>) {
    this.#upstreams = [...upstreams]
    this.#names = names
    this.#own = this.#named()
    for (const name of this.#own) names.watch(name)
  }

  /** For every beat: next to nothing when nobody has published. */
  look(): void {
    let changed = false
    for (const { peers, connector } of this.#upstreams) {
      if (!peers.refresh()) continue
      changed = true
      connector.retainTargets?.(new Set(peers.peers.map(({ id }) => id)))
    }
    if (!changed) return
    const named = this.#named()
    for (const name of this.#own) if (!named.has(name)) this.#names.forget(name)
    for (const name of named) this.#names.watch(name)
    this.#own = named
  }

  #named(): Set<string> {
    const targets = this.#upstreams.flatMap(({ peers }) => peers.peers.map(({ target }) => target))
    return new Set(targets.filter(isNamed).map(({ host }) => host))
  }
}
