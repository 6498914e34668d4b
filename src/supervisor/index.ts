export { ReloadRefused } from './fixed-settings.js'
export { startGateway } from './start-gateway.js'
export type { Gateway, GatewayOptions, GatewayStats, ObservableGateway, StartGateway } from './types.js'
