import type { QueryMacro } from './query-macros.js'

/** A route that serves ads, as plain data: what `adserving` came to. Money is text, `2.50` or `2.50 EUR`, already checked. */
export interface AdServingConfig {
  /** At least one. */
  readonly sources: readonly AdSourceConfig[]
  /** One after the other until one has an ad, or all at once. */
  readonly strategy: 'waterfall' | 'parallel'
  readonly store: StateStoreConfig
  /** For a whole ad request. */
  readonly timeoutMs: number
  /** After the first attempt. */
  readonly retries: number
  readonly guard: {
    readonly allow: readonly string[]
    readonly block: readonly string[]
    readonly ports: readonly number[] | 'any'
    readonly hosts: readonly string[] | null
  }
  /** Campaign of requests whose placement is not named. */
  readonly campaign: string
  /** Campaign by `placement_id`. */
  readonly placements: Readonly<Record<string, string>>
  readonly campaigns: Readonly<Record<string, CampaignConfig>>
  readonly defaultBudget: string | null
  readonly anonymous: 'session' | 'shared' | 'uncapped' | 'block'
  /** Whether caps hold while the store cannot be asked. */
  readonly capsWithoutStore: 'open' | 'closed'
  /** The same of budgets: `open`, `closed`, or how much each campaign may spend in each worker and outage. */
  readonly budgetsWithoutStore: string
  readonly user: {
    readonly cookie: string
    readonly sessionCookie: string
    /** At least 32 bytes each; empty: ids are taken unsigned. */
    readonly secrets: readonly string[]
  }
  readonly macros: {
    readonly profile: 'iab' | 'seed'
    readonly custom: Readonly<Record<string, string>>
    /** Macro by parameter of the player's query. */
    readonly fromQuery: Readonly<Record<string, QueryMacro>>
  }
  readonly consent: {
    readonly vendorId: number | null
    readonly optIn: boolean
    readonly require: boolean
  }
  readonly noFill: { readonly status: 200 | 204; readonly errors: readonly string[] }
  readonly events: EventsConfig | null
  readonly slot: SlotConfig
  /** Null: the player calls impressions and tracking URLs. */
  readonly beacons: BeaconsConfig | null
}

/** What fits the place that ads are asked for. Null and an empty list: anything does. */
export interface SlotConfig {
  readonly adType: 'video' | 'audio' | 'hybrid' | null
  readonly linearity: 'linear' | 'nonlinear' | 'any'
  readonly maxAds: number
  /** Of all ads together. */
  readonly maxDurationMs: number | null
  readonly minAdDurationMs: number | null
  readonly maxAdDurationMs: number | null
  /** Pixels. */
  readonly maxWidth: number | null
  readonly maxHeight: number | null
  /** MIME types, lower case. */
  readonly mediaTypes: readonly string[]
  readonly requireCategory: boolean
}

/** Calls that the gateway makes for a device. Bounds are those of one worker. */
export interface BeaconsConfig {
  readonly at: 'fill' | 'event'
  readonly maxConcurrent: number
  readonly maxQueued: number
  readonly timeoutMs: number
}

export type AdSourceConfig =
  | {
      readonly kind: 'vast'
      readonly name: string
      readonly url: string
      readonly params: Readonly<Record<string, string>>
      /** Parameters of the player's request that are passed on. */
      readonly forward: readonly string[]
      readonly unwrap: boolean
      readonly maxWrappers: number
      readonly hopTimeoutMs: number
      /** Whether the ad server is asked on behalf of the device. */
      readonly serverSide: boolean
    }
  | {
      readonly kind: 'openrtb'
      readonly name: string
      readonly url: string
      readonly tmaxMs: number
      readonly currency: string
      readonly request: Readonly<Record<string, unknown>>
    }

export type StateStoreConfig =
  | {
      readonly kind: 'lmdb'
      readonly path: string
      readonly durability: 'disk' | 'process'
      /** What becomes of a gateway that cannot open it (C12). */
      readonly onFailure: 'degrade' | 'stop'
    }
  | { readonly kind: 'redis'; readonly url: string }
  | { readonly kind: 'redis-cluster'; readonly nodes: readonly string[] }
  | { readonly kind: 'memory' }

export interface CampaignConfig {
  /** Null: the default, three an hour. */
  readonly caps: readonly CapConfig[] | null
  readonly cpm: string | null
  /** What an impression costs: `cpm`, or what its bid said. */
  readonly price: 'campaign' | 'bid'
  readonly budget: string | null
  readonly pacing: 'asap' | 'even' | 'ahead'
  readonly dailyBudget: string | null
  /** Milliseconds since the epoch. */
  readonly flight: { readonly startMs: number; readonly endMs: number } | null
  /** Share of 1. */
  readonly lead: number
  /** Times the even share of an hour. */
  readonly maxHourly: number | null
  /** What caps may count per. */
  readonly advertiser: string | null
  readonly lineItem: string | null
  readonly category: string | null
}

export interface CapConfig {
  readonly max: number
  readonly window:
    | { readonly kind: 'fixed' | 'rolling'; readonly seconds: number }
    | {
        readonly kind: 'calendar'
        readonly unit: 'minute' | 'hour' | 'day' | 'week' | 'month'
        readonly timeZone: string
      }
    | { readonly kind: 'lifetime' }
  readonly per: readonly CapDimension[]
  readonly event: 'impression' | 'click' | 'complete'
}

export const CAP_DIMENSIONS = [
  'user',
  'campaign',
  'advertiser',
  'lineItem',
  'ad',
  'category',
  'placement',
  'pod',
  'stream',
] as const
export type CapDimension = (typeof CAP_DIMENSIONS)[number]

export interface EventsConfig {
  /** Path of the endpoint, within the route. */
  readonly path: string
  /** `https://ads.example.com` in front of it; null: that of the request. */
  readonly origin: string | null
  /** The first signs; each of at least 32 bytes. */
  readonly secrets: readonly string[]
  readonly validSeconds: number
  readonly holdSeconds: number
  /** Money of an impression whose reservation has run out. */
  readonly late: 'within-limit' | 'always' | 'never'
  /** Where events are told of. */
  readonly sinks: readonly SinkConfig[]
  /** Of each sink, in each worker. */
  readonly queue: { readonly capacity: number; readonly batchSize: number; readonly lingerMs: number }
}

export type SinkConfig =
  | { readonly kind: 'log' }
  | {
      readonly kind: 'http'
      readonly url: string
      readonly headers: Readonly<Record<string, string>>
      readonly timeoutMs: number
    }
  | { readonly kind: 'redis'; readonly url: string; readonly stream: string; readonly maxLength: number }
