import type { RequestHead } from '../acceptor/types.js'
import {
  DEFAULT_FORWARDING,
  type ForwardingConfig,
  ForwardingFields,
  LoopGuard,
  TrustedProxies,
} from '../forwarding/index.js'
import { normalTarget, type TargetRules } from '../routing/index.js'
import type { GatewayError } from '../session/errors.js'
import { ambiguousTarget, loopDetected, noRoute } from './dispatch-errors.js'
import type { Router } from './router.js'

export interface IntakeOptions {
  readonly paths: TargetRules
  readonly forwarding: ForwardingConfig
  /** What this process writes into Via, to know its own requests again. */
  readonly instanceId: string
  /** How clients come here. Default `http`. */
  readonly scheme?: 'http' | 'https'
}

export const DEFAULT_INTAKE: IntakeOptions = {
  paths: { slashes: 'merge', ambiguous: 'reject' },
  forwarding: DEFAULT_FORWARDING,
  instanceId: '',
}

/**
 * What is found out about a request before anybody serves it: its path in normal form, who the client is if a trusted proxy says so, and its route. One
 * object looks at one request after the other; its fields hold the result until the next.
 */
export class Intake {
  /** Path in normal form, and the query. */
  target = ''
  /** Forwarding fields of a request that came through trusted proxies; '' for any other. */
  forwarding = ''
  /** Index of the route, -1 while there is none. */
  route = -1
  readonly #router: Router
  readonly #paths: TargetRules
  readonly #fields: ForwardingFields
  readonly #trusted: TrustedProxies
  readonly #loops: LoopGuard

  constructor(router: Router, { paths, forwarding, instanceId, scheme = 'http' }: IntakeOptions) {
    this.#router = router
    this.#paths = paths
    this.#fields = new ForwardingFields(forwarding, instanceId, scheme)
    this.#trusted = new TrustedProxies(forwarding.trustedProxies)
    this.#loops = new LoopGuard(forwarding, instanceId)
  }

  /**
   * Client and id of the head become those that a trusted proxy names.
   * @returns why the request is not served, or null
   */
  look(head: RequestHead): GatewayError | null {
    const { claims } = head
    let fields = head.headerBlock
    this.forwarding = ''
    this.route = -1
    if (claims !== '') {
      if (this.#loops.isLoop(claims)) return loopDetected()
      if (this.#trusted.has(head.remoteAddress)) {
        this.#believe(head)
        fields = claims + fields
      }
    }
    const target = normalTarget(head.target, this.#paths)
    if (target === null) return ambiguousTarget()
    this.target = target
    this.route = this.#router.match(head.method, head.host, target, fields)
    return this.route < 0 ? noRoute() : null
  }

  #believe(head: RequestHead): void {
    const { claims, host, remoteAddress: peer } = head
    head.requestId = this.#fields.requestId(claims) ?? head.requestId
    const { requestId } = head
    const client = this.#fields.proxied({ claims, peer, host, requestId }, this.#trusted)
    head.remoteAddress = client.address
    this.forwarding = client.block
  }
}
