import type { BalanceConfig } from '../../config/types-upstream.js'
import type { Session } from '../../session/session.js'

/** What a hashing balancer hashes of a session. */
export type BalanceKey = (session: Session) => string

/** The key that the configuration asks for, or null when the algorithm hashes nothing. */
export function balanceKey({ algorithm, key }: BalanceConfig): BalanceKey | null {
  if (algorithm === 'ip-hash') return clientAddress
  if (algorithm !== 'consistent-hash') return null
  switch (key.kind) {
    case 'ip':
      return clientAddress
    case 'path':
      return (session) => session.reqHeader()?.uri.path ?? ''
    case 'header':
      return (session) => session.reqHeader()?.headers.get(key.name) ?? clientAddress(session)
    case 'cookie':
      return (session) => cookieOf(session, key.name) ?? clientAddress(session)
  }
}

function clientAddress(session: Session): string {
  return session.clientAddress()
}

/** RFC 6265 §5.4: pairs separated by `; `, the first of a name counts. */
function cookieOf(session: Session, name: string): string | null {
  for (const pair of (session.reqHeader()?.headers.get('cookie') ?? '').split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return null
}
