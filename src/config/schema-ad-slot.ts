import { z } from 'zod'
import { choice, count, duration, flag, text } from './leaf.js'

/** `adserving.slot` */
export const slot = z
  .strictObject({
    adType: choice('video', 'audio', 'hybrid').optional().meta({
      description: 'Kind of ad; one that says it is another is error 200. Default: any.',
    }),
    linearity: choice('linear', 'nonlinear', 'any')
      .prefault('any')
      .meta({ description: 'An ad without such a creative is error 201.' }),
    maxAds: count(1, 50).prefault(10).meta({
      description: 'Ads of a pod; each more is error 206.',
    }),
    maxDuration: duration().optional().meta({
      description: 'Of all ads together; those that no longer fit are error 206. Default: any.',
    }),
    minAdDuration: duration().optional().meta({ description: 'Of one ad; a shorter one is error 202.' }),
    maxAdDuration: duration().optional().meta({ description: 'Of one ad; a longer one is error 202.' }),
    maxWidth: count(1, 100_000).optional().meta({
      description: 'Pixels. An ad whose media files are all wider is error 203. Default: any.',
    }),
    maxHeight: count(1, 100_000).optional().meta({ description: 'As `maxWidth`.' }),
    mediaTypes: z
      .array(text({ $comment: 'MIME type' }))
      .prefault([])
      .meta({ description: 'An ad with media files but none of these types is error 403. None: any.' }),
    requireCategory: flag().prefault(false).meta({ description: 'An ad without `<Category>` is error 204.' }),
  })
  .prefault({})
  .meta({
    description:
      'What fits the place. Ads that do not are left out, and their `<Error>` URLs are called with the code.',
  })

/** `adserving.beacons` */
export const beacons = z
  .strictObject({
    at: choice('fill', 'event').meta({
      description:
        '`fill`: the impressions of an ad are called when it is handed out. `event`: impressions and tracking URLs are called when the player reports the event to `events.path`, whose URLs stand in their place.',
    }),
    maxConcurrent: count(1, 1000)
      .prefault(10)
      .meta({ description: 'Calls at the same time, in each worker.' }),
    maxQueued: count(0, 100_000).prefault(1000).meta({
      description: 'Calls that wait, in each worker; more are dropped and counted.',
    }),
    timeout: duration().prefault('5s').meta({ description: 'Of one call, redirects included.' }),
  })
  .meta({
    description:
      'The gateway calls impressions and tracking URLs itself, with `X-Device-IP` and `X-Device-User-Agent` and `[SERVERSIDE]` (server-side ad insertion). Default: the player does.',
  })
