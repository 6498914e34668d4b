import { ACTIVITIES, type Activity } from '../../session/context-consent.js'

/** What one signal allows. */
export type Verdict = Readonly<Record<Activity, boolean>>

export const ALL_ALLOWED: Verdict = all(true)
export const ALL_REFUSED: Verdict = all(false)

/** Ads by context only: no id, no profile, nothing that tells where a person is. Of children, opt-outs and limited tracking. */
export const CONTEXT_ONLY: Verdict = { ...ALL_REFUSED, selectAds: true, measure: true }

/** The stricter of two, activity by activity. */
export function stricter(one: Verdict, other: Verdict): Verdict {
  if (one === ALL_ALLOWED) return other
  return verdict((activity) => one[activity] && other[activity])
}

export function verdict(allows: (activity: Activity) => boolean): Verdict {
  return Object.fromEntries(ACTIVITIES.map((activity) => [activity, allows(activity)])) as Record<
    Activity,
    boolean
  >
}

function all(allowed: boolean): Verdict {
  return verdict(() => allowed)
}
