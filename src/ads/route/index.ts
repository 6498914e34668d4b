export { AdRoute, type AdRouteEnv } from './ad-route.js'
export { type AdRouteProblem, checkAdRoute } from './check-route.js'
