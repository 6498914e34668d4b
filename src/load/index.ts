export { type BenchPlan, type BenchResult, type BenchRound, benchGateway, errorsOf } from './bench-gateway.js'
export {
  type GatewayProcess,
  type GatewayProcessPlan,
  type GatewaySample,
  startGatewayProcess,
} from './gateway-process.js'
export { startMockOrigin } from './mock-origin.js'
export { parseMock } from './mock-spec.js'
export { cpuUsPerRequest, processUsage } from './process-usage.js'
export { runLoad } from './run-load.js'
export {
  type GeneratorHealth,
  type LatencyReport,
  LOAD_ERRORS,
  type LoadErrorKind,
  type LoadLoop,
  type LoadPlan,
  type LoadReport,
  type LoadRequest,
  type MockOrigin,
  type OriginCounters,
  type OriginPlan,
  type ProcessUsage,
} from './types.js'
