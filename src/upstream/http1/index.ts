export { Http1Connector, type Http1ConnectorOptions } from './connector.js'
export { prepareTls } from './secure-contexts.js'
export type {
  BodyFraming,
  ConnectorStats,
  ConnectTarget,
  ResponseHead,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamTimeouts,
  UpstreamTls,
} from './types.js'
