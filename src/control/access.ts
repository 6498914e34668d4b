import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Who may ask the admin listener. */
export interface AccessRules {
  /** Names under which it may be asked, lower case, beside `localhost` and any address. */
  readonly hosts: readonly string[]
  /** Null: none is needed. */
  readonly token: string | null
}

export interface Refusal {
  readonly status: 401 | 403 | 421
  readonly message: string
}

/** A request as far as access goes. */
export interface AccessRequest {
  readonly headers: IncomingHttpHeaders
  readonly method?: string | undefined
}

/**
 * A browser page can reach the listener under a name that it made point there (DNS rebinding) and send it requests from elsewhere (CSRF), so that names and
 * origins are looked at even on loopback (B23). An address in Host is nobody's name.
 * @param needsToken false for endpoints that anybody may ask
 * @returns why not, or null
 */
export function refuse(
  { headers, method }: AccessRequest,
  rules: AccessRules,
  needsToken: boolean,
): Refusal | null {
  const host = headers.host ?? ''
  if (!isOurs(hostName(host), rules.hosts))
    return { status: 421, message: 'this host name is not served here: list it under admin.hosts' }
  const { origin } = headers
  const isForeign = origin !== undefined && originHost(origin) !== host.toLowerCase()
  // A link from elsewhere to a page of ours is fine, a form is not.
  const isForeignForm = method === 'POST' && (headers['sec-fetch-site'] ?? '').endsWith('-site')
  if (isForeign || isForeignForm)
    return { status: 403, message: 'requests from pages of other origins are not answered' }
  if (!needsToken || rules.token === null || isToken(headers.authorization, rules.token)) return null
  return {
    status: 401,
    message: 'a token is needed: Authorization: Bearer TOKEN, or as the password of Basic',
  }
}

function isOurs(name: string, hosts: readonly string[]): boolean {
  return name === 'localhost' || isIP(name) !== 0 || hosts.includes(name)
}

/** The name in a Host field, brackets and port removed, lower case. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d*)?$/.exec(host)
  return (bracketed?.[1] ?? host.replace(/:\d*$/, '')).toLowerCase()
}

/** The host of an origin, or null when it has none (`null`, a file, an extension). */
function originHost(origin: string): string | null {
  const found = /^https?:\/\/(.+)$/i.exec(origin)?.[1]
  return found?.toLowerCase() ?? null
}

function isToken(authorization: string | undefined, token: string): boolean {
  const [, scheme = '', value = ''] = /^(\S+) +(.+)$/.exec(authorization ?? '') ?? []
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return isSame(value, token)
    case 'basic': {
      const pair = Buffer.from(value, 'base64').toString('utf8')
      return isSame(pair.slice(pair.indexOf(':') + 1), token)
    }
    default:
      return false
  }
}

/** Takes the same time wherever they differ. */
function isSame(given: string, token: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(given), digest(token))
}
