import type { UpstreamConfig } from '../config/types-upstream.js'
import {
  configuredPeers,
  isNamed,
  type NameResolver,
  type PeerTable,
  type PublishedPeer,
  publishesNames,
  type ResolvedAddress,
  SPARE_ROWS,
} from '../upstream/index.js'

export interface NamePublisherOptions {
  readonly table: Pick<PeerTable, 'publish'>
  /** In the order of the configuration. */
  readonly upstreams: readonly UpstreamConfig[]
  readonly names: Pick<NameResolver, 'watch' | 'addresses' | 'onChange'>
  /** A name has more addresses than the table has rows for it. @param left how many get no sessions */
  readonly onTooMany: (upstream: string, name: string, left: number) => void
}

/** Addresses of one name that can be peers at the same time. */
const MAX_ADDRESSES = 1 + SPARE_ROWS

/**
 * Makes peers of the addresses of names, once for all workers. A name without an address is published itself: whoever wants to connect to it finds
 * out what is wrong with it.
 */
export class NamePublisher {
  readonly #options: NamePublisherOptions

  constructor(options: NamePublisherOptions) {
    this.#options = options
  }

  /** Begins. Until the first answers the table stays as it is. */
  start(): void {
    const { upstreams, names } = this.#options
    names.onChange((host) => this.#onChange(host))
    for (const upstream of upstreams) {
      if (!publishesNames(upstream)) continue
      for (const peer of upstream.peers) if (isNamed(peer)) names.watch(peer.host)
    }
  }

  #onChange(host: string): void {
    const { table, upstreams } = this.#options
    for (const [index, upstream] of upstreams.entries()) {
      if (!publishesNames(upstream)) continue
      if (upstream.peers.some((peer) => isNamed(peer) && peer.host === host))
        table.publish(index, this.#peersOf(upstream, host))
    }
  }

  #peersOf({ name, peers }: UpstreamConfig, changed: string): PublishedPeer[] {
    return configuredPeers(peers).flatMap((configured, index) => {
      const peer = peers[index]
      const addresses = peer !== undefined && isNamed(peer) ? this.#options.names.addresses(peer.host) : null
      if (addresses === null || addresses.length === 0) return [configured]
      const taken = bounded(addresses)
      const left = addresses.length - taken.length
      if (left > 0 && configured.host === changed) this.#options.onTooMany(name, changed, left)
      return taken.map(({ address }) => ({ ...configured, host: address }))
    })
  }
}

/** Of too many the same ones each time, in whatever order they came. */
function bounded(addresses: readonly ResolvedAddress[]): readonly ResolvedAddress[] {
  if (addresses.length <= MAX_ADDRESSES) return addresses
  return [...addresses].sort((a, b) => (a.address < b.address ? -1 : 1)).slice(0, MAX_ADDRESSES)
}
