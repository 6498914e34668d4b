export { AdRoute, type AdRouteEnv } from './ad-route.js'
