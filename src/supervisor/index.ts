export { startGateway } from './start-gateway.js'
export type { Gateway, GatewayOptions, StartGateway } from './types.js'
