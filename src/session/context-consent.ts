/** What personal data may be used for, each allowed or refused by itself. Named after what is done, with the TCF purposes behind it. */
export const ACTIVITIES = [
  /** Store and read identifiers: cookies, device ids, caps that outlive the session. TCF Purpose 1. */
  'useIds',
  /** Select ads by limited data. Purpose 2. */
  'selectAds',
  /** Create and use profiles for ads. Purposes 3 and 4. */
  'profile',
  /** Measure what ads did. Purpose 7. */
  'measure',
  /** Exchange ids with others. Purpose 1, and no sale or sharing opted out of. */
  'syncIds',
  /** Full IP address and precise position. Special feature 1. */
  'preciseGeo',
] as const

export type Activity = (typeof ACTIVITIES)[number]

/** The privacy signals of a request as they came; strings are passed on unchanged. */
export interface ConsentSignals {
  /** Whether the GDPR applies; null: nobody said. */
  readonly gdpr: boolean | null
  /** TCF v2 string, '' when absent. */
  readonly tcString: string
  /** GPP string, '' when absent, and the sections that apply. */
  readonly gpp: string
  readonly gppSid: readonly number[]
  /** US Privacy string such as `1YNN`, '' when absent. */
  readonly usPrivacy: string
  /** `Sec-GPC: 1`. */
  readonly gpc: boolean
  readonly coppa: boolean
  /** Limit ad tracking; null: nobody said. */
  readonly lmt: boolean | null
}

/** What was decided, and from what. Plain data. */
export interface ContextConsent {
  readonly signals: ConsentSignals
  readonly allowed: Readonly<Record<Activity, boolean>>
}
