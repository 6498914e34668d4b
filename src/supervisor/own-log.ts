import type { GatewayConfig } from '../config/types.js'
import type { DispatcherOptions } from '../dispatch/index.js'
import type { Logger } from '../logging/index.js'

/** Log lines of what the acceptor's thread answers itself. @param config the one in use */
export function ownLog(
  logger: Logger,
  config: () => GatewayConfig,
): Required<Pick<DispatcherOptions, 'onAnsweredHere' | 'onServedHere' | 'onRefused'>> {
  return {
    onAnsweredHere({ head }, error) {
      if (!config().log.access) return
      const { requestId, remoteAddress, method, host } = head
      const { status, reason, code } = error
      logger.info({ reqId: requestId, client: remoteAddress, method, host, status, reason, code }, 'session')
    },
    onServedHere({ head }, route, status) {
      const { log, routes } = config()
      if (!log.access) return
      const { requestId, remoteAddress, method, host } = head
      const name = routes[route]?.name
      logger.info({ reqId: requestId, client: remoteAddress, method, host, route: name, status }, 'session')
    },
    onRefused({ status, reason, kind, message }, requestId, client) {
      logger.info({ reqId: requestId, client, status, reason, kind }, `refused: ${message}`)
    },
  }
}
