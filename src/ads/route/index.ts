export type { AdMemory, SharedAds } from './ad-memory.js'
export { AdRoute, type AdRouteEnv } from './ad-route.js'
export { type AdRouteProblem, checkAdRoute } from './check-route.js'
