import { formatHostPort } from '../config/address.js'
import type { GatewayConfig } from '../config/types.js'
import { OtlpMissing } from '../otlp/otlp-missing.js'

/** What to tell about a start that failed for a reason that the user can do something about; null for others. */
export function startFailure(error: unknown, config: GatewayConfig): string | null {
  if (!(error instanceof Error)) return null
  if (error instanceof OtlpMissing) return error.message
  if ('path' in error && error.path === config.accessLog?.file)
    return `cannot write the access log ${config.accessLog?.file}: ${error.message}`
  const { code, port } = error as NodeJS.ErrnoException & { readonly port?: unknown }
  const isAdmin = config.admin !== null && port === config.admin.port && port !== config.listen.port
  const { host, port: wanted } = isAdmin && config.admin !== null ? config.admin : config.listen
  const address = formatHostPort(host, wanted)
  const option = isAdmin ? '--admin' : '--listen'
  switch (code) {
    case 'EADDRINUSE':
      return `cannot listen on ${address}: another process listens there. Stop it, or choose another address with ${option}`
    case 'EACCES':
      return `cannot listen on ${address}: not permitted (ports below 1024 need a privilege). Choose another with ${option}`
    case 'EADDRNOTAVAIL':
      return `cannot listen on ${address}: this machine has no such address. Choose another with ${option}`
    default:
      return null
  }
}
