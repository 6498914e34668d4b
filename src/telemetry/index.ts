export { AdGauges, type AdPlan, type BudgetGauge, type RouteGaugeWriter } from './ad-gauges.js'
export {
  AnswerCounts,
  CLIENT_LEFT,
  METHOD_LABELS,
  type MethodLabel,
  type RouteAnswers,
} from './answer-counts.js'
export { type CpuProfileText, captureCpuProfile, ProfileInProgress } from './cpu-profile.js'
export { type ErrorRow, KEPT_ERRORS, type RecentError, RecentErrors } from './recent-errors.js'
export { Telemetry, type TelemetryBuffers, type TelemetryPlan } from './telemetry.js'
export { ThreadGauges, type ThreadLoad } from './thread-gauges.js'
export { type AttemptCounts, UpstreamCounts, type UpstreamTotals } from './upstream-counts.js'
export { watchThread } from './watch-thread.js'
