import { WrappedUpstream } from '../middleware/index.js'
import type { UpstreamCall } from '../upstream/index.js'
import type { Trackers, VastAd, VastResult } from '../vast/index.js'

/** Trackers for the first ad of a document, none for the others. Good for one use. */
export function forFirstAd(trackers: Trackers): (ad: VastAd) => Trackers | null {
  let isFirst = true
  return () => {
    const given = isFirst ? trackers : null
    isFirst = false
    return given
  }
}

/** A VAST upstream whose answers take trackers for their first ad. */
export class FirstAdOnly extends WrappedUpstream<VastResult> {
  async request(call?: UpstreamCall): Promise<VastResult> {
    const result = await this.inner.request(call)
    if (result.kind === 'no-fill') return result
    return {
      ...result,
      toXml: (trackers) =>
        result.toXml(
          trackers === undefined || typeof trackers === 'function' ? trackers : forFirstAd(trackers),
        ),
    }
  }
}
