import type { HostPolicy } from '../config/types-upstream.js'
import type { PathRewriter } from '../routing/index.js'
import type { RequestHeader } from '../session/message-headers.js'
import type { UpstreamPeer } from '../upstream/index.js'

/** What a route changes of a request on its way to the upstream: path and Host. */
export class Outbound {
  readonly #rewriter: PathRewriter | null
  readonly #host: HostPolicy

  constructor(rewriter: PathRewriter | null, host: HostPolicy) {
    this.#rewriter = rewriter
    this.#host = host
  }

  /** @returns a copy of the request, changed for this peer */
  apply(request: RequestHeader, peer: UpstreamPeer): RequestHeader {
    const copy = request.clone()
    if (this.#rewriter !== null) copy.target = this.#rewriter.rewrite(copy.target)
    const host = hostFor(this.#host, peer)
    if (host !== null) copy.headers.set('host', host)
    return copy
  }
}

/** The Host that a peer is told; null: as it is. */
export function hostFor(policy: HostPolicy, { target }: UpstreamPeer): string | null {
  if (policy.kind === 'preserve') return null
  if (policy.kind === 'value') return policy.value
  const host = target.name ?? target.host
  const name = host.includes(':') ? `[${host}]` : host
  const isDefault = target.port === 0 || target.port === (target.tls === undefined ? 80 : 443)
  return isDefault ? name : `${name}:${target.port}`
}
