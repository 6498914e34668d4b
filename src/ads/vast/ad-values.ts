import type { MacroValues } from '../macros/index.js'
import type { VastAd } from './model.js'

/** What an ad says of itself, for macros of its pixels: `[ADTYPE]`, `[UNIVERSALADID]`, `[PODSEQUENCE]` and `[ADSERVINGID]` (ads.md §4.3). */
export function adValues(ad: VastAd): MacroValues {
  const ids = ad.creatives.flatMap(({ universalAdIds }) =>
    universalAdIds.map(({ registry, value }) => (registry === null ? value : `${registry} ${value}`)),
  )
  return {
    ADTYPE: ad.adType,
    UNIVERSALADID: [...new Set(ids)],
    PODSEQUENCE: ad.sequence,
    ADSERVINGID: ad.kind === 'inline' ? ad.adServingId : null,
  }
}
