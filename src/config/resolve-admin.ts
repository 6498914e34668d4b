import { formatHostPort, isLoopback } from './address.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import type { AdminConfig } from './types.js'

/** The admin listener. Without a token it is for this machine alone, and its address must not be that of the clients. */
export function resolveAdmin(parsed: ParsedConfig, context: ResolveContext): AdminConfig | null {
  const admin = adminOf(parsed.admin)
  if (admin === null) return null
  const path = [context.isWritten(['admin']) ? 'admin' : 'listen']
  if (admin.token === undefined && !isLoopback(admin.host)) {
    const address = formatHostPort(admin.host, admin.port)
    const hint = `use a loopback address, e.g. '127.0.0.1:${admin.port}', or say admin: { listen: '${address}', token: '\${ADMIN_TOKEN}' }`
    const message = `the admin listener has no authentication, so it may not listen on '${address}'`
    context.report('invalid-value', path, message, { hint })
  }
  const { listen } = parsed
  const overlaps = listen.host === admin.host || ['0.0.0.0', '::'].includes(listen.host)
  if (admin.port !== 0 && listen.port === admin.port && overlaps)
    context.report('address-in-use', path, `listen and admin both want port ${listen.port}`)
  return admin
}

function adminOf(parsed: ParsedConfig['admin']): AdminConfig | null {
  if (parsed === null || !('listen' in parsed)) return parsed
  const { listen, token, hosts } = parsed
  return { ...listen, ...(token !== undefined && { token }), hosts }
}
