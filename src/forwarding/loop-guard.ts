import { fieldOf } from '../routing/field-condition.js'
import type { ForwardingConfig } from './forwarding-config.js'

/** `protocol received-by (comment)`, RFC 9110 §7.6.3. */
const VIA = /^[^\s,]+[ \t]+([^\s,(]+)(?:[ \t]+\(([^()]*)\))?$/

/** Tells from Via and CDN-Loop whether a request has been here before (A17). */
export class LoopGuard {
  readonly #config: ForwardingConfig
  readonly #instanceId: string

  /** @param instanceId the comment that this process writes into Via, '' for none */
  constructor(config: ForwardingConfig, instanceId: string) {
    this.#config = config
    this.#instanceId = instanceId
  }

  /** @param claims as in `RequestHead.claims` */
  isLoop(claims: string): boolean {
    const { name, maxPasses, cdnLoop } = this.#config
    const via = fieldOf(claims, 'via')
    if (via !== null) {
      let passes = 0
      for (const hop of via.split(',')) {
        const [, receivedBy, comment] = VIA.exec(hop.trim()) ?? []
        if (receivedBy?.toLowerCase() !== name.toLowerCase()) continue
        // This very process: no need to wait for more.
        if (comment !== undefined && comment === this.#instanceId) return true
        passes += 1
      }
      if (passes > maxPasses) return true
    }
    if (cdnLoop === null) return false
    const ids = (fieldOf(claims, 'cdn-loop') ?? '')
      .split(',')
      .map((id) => id.split(';', 1)[0]?.trim().toLowerCase())
    return ids.includes(cdnLoop.toLowerCase())
  }
}
