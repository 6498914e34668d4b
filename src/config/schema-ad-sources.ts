import { z } from 'zod'
import { isCurrency } from '../money/index.js'
import { InvalidValue, show } from './invalid-value.js'
import { count, duration, flag, leaf, text } from './leaf.js'

const currency = leaf<string, string>({ $comment: 'ISO 4217', type: 'string' }, (value) => {
  if (typeof value === 'string' && isCurrency(value)) return value
  throw new InvalidValue(`there is no currency ${show(value)}`, 'a code of ISO 4217, for example EUR')
})

export const httpUrl = leaf<string, string>({ $comment: 'URL', type: 'string' }, (value) => {
  if (typeof value === 'string' && /^https?:\/\//i.test(value) && URL.canParse(value)) return value
  throw new InvalidValue(`${show(value)} is not a URL`, 'it begins with http:// or https://')
})

/** `adserving.vast` */
export const vast = z
  .strictObject({
    url: httpUrl.meta({ description: 'The ad tag. Macros such as `[CACHEBUSTING]` are replaced.' }),
    params: z
      .record(z.string(), text())
      .prefault({})
      .meta({ $comment: 'values by name', description: 'Parameters that are added; macros are replaced.' }),
    forward: z
      .array(text({ $comment: 'name' }))
      .prefault(['placement_id'])
      .meta({
        description: "Parameters of the player's request that are passed on. Consent strings always are.",
      }),
    unwrap: flag()
      .prefault(true)
      .meta({ description: 'Follow wrappers, so that the player gets the ad itself.' }),
    maxWrappers: count(0, 20).prefault(5).meta({ description: 'Wrappers in a row. Beyond it: error 302.' }),
    hopTimeout: duration()
      .prefault('3s')
      .meta({ description: 'For one document, redirects included. Beyond it: error 301.' }),
    serverSide: flag().prefault(false).meta({
      description: 'Ask on behalf of the device, with `X-Device-IP`, `X-Device-User-Agent` and the like.',
    }),
  })
  .meta({
    description: 'An ad server that answers with VAST. One of this, `openrtb` and `sources` is needed.',
  })

/** `adserving.openrtb` */
export const openrtb = z
  .strictObject({
    url: httpUrl.meta({ description: 'The bidder.' }),
    tmax: duration()
      .prefault('300ms')
      .meta({ description: 'Longest that it may take; `tmax` tells it what is left of that.' }),
    currency: currency.prefault('USD').meta({ description: 'Currency of bids.' }),
    request: z
      .record(z.string(), z.unknown())
      .prefault({})
      .meta({ $comment: 'bid request', description: 'What all bid requests have: `imp`, `site` or `app` …' }),
  })
  .meta({ description: 'An OpenRTB 2.6 bidder whose `adm` is VAST.' })

/** One of `adserving.sources`. */
export const source = z.strictObject({
  name: text({ $comment: 'name' })
    .optional()
    .meta({ description: 'In logs. Default: `source-1` and so on.' }),
  vast: vast.optional(),
  openrtb: openrtb.optional(),
})
