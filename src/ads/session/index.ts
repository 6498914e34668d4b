export { AdPod, type AdPodOptions } from './ad-pod.js'
export type { CalendarUnit } from './calendar.js'
export type { CampaignPolicy } from './campaign-policy.js'
export {
  BudgetExceeded,
  type BudgetExceededReason,
  type CapExceededReason,
  FrequencyCapExceeded,
} from './errors.js'
export {
  EventTokens,
  type EventTokensOptions,
  type OpenedToken,
  type TokenFailure,
  type TokenKey,
} from './event-tokens.js'
export type { CapEvent, Dimension, FrequencyRule, RuleWindow, Subject } from './frequency-rule.js'
export { LateAnswer } from './late-answer.js'
export type { Pacing } from './pacing.js'
export { RedisUpstreamSession, type RedisUpstreamSessionOptions } from './redis-upstream-session.js'
export { type ServeAdOptions, serveAdWithCap } from './serve-ad-with-cap.js'
export { type SeedKeysOptions, type SessionKeys, seedKeys } from './session-keys.js'
export type { SessionCounter, SessionMetricsSnapshot } from './session-metrics.js'
export type {
  EventOptions,
  EventOutcome,
  EventStatus,
  Served,
  ServedUnit,
  SessionCall,
  UpstreamSessionOptions,
} from './session-options.js'
export { SignedUserId } from './signed-user-id.js'
export type { StoreFailurePolicy } from './store-guard.js'
export type { AnonymousPolicy } from './subject-of.js'
export { UpstreamSession } from './upstream-session.js'
export type { BudgetMetric, BudgetReport } from './use-reports.js'
