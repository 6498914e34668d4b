import { isIP } from 'node:net'
import type { Activity } from '../../session/context-consent.js'
import type { SessionContext } from '../../session/session-context.js'

/** Cookies that say nothing of a person. */
const HARMLESS_COOKIES: ReadonlySet<string> = new Set(['gdpr_consent'])

/** May it be done for the request of this context? Without any consent information nothing is refused. */
export function isAllowed(context: SessionContext | undefined, activity: Activity): boolean {
  return context?.consent?.allowed[activity] ?? true
}

/** An address without what tells one household from the next: IPv4 to 24 bits, IPv6 to 48; '' for anything else. */
export function truncateIp(address: string): string {
  if (isIP(address) === 4) return address.replace(/\.\d+$/, '.0')
  if (isIP(address) !== 6) return ''
  const [head = ''] = address.split('%')
  const mapped = /:(\d+\.\d+\.\d+\.)\d+$/.exec(head)?.[1]
  if (mapped !== undefined) return `${mapped}0`
  const [left = '', right] = head.split('::')
  const groups = left === '' ? [] : left.split(':')
  const tail = right === undefined || right === '' ? [] : right.split(':')
  while (right !== undefined && groups.length + tail.length < 8) groups.push('0')
  return `${[...groups, ...tail].slice(0, 3).join(':')}::`
}

/** A coordinate to about a kilometre. */
export function roundGeo(degrees: number): number {
  return Math.round(degrees * 100) / 100
}

/** The context without what its consent does not allow: ids and identifying cookies, the precise address. */
export function scrubContext(context: SessionContext): SessionContext {
  if (context.consent === undefined) return context
  const { useIds, preciseGeo } = context.consent.allowed
  if (useIds && preciseGeo) return context
  const { ipAddress } = context
  const cookies = useIds
    ? context.cookies
    : Object.fromEntries(Object.entries(context.cookies).filter(([name]) => HARMLESS_COOKIES.has(name)))
  return context.with({
    cookies,
    ...(useIds ? {} : { userId: undefined, deviceId: undefined }),
    ...(preciseGeo || ipAddress === undefined ? {} : { ipAddress: truncateIp(ipAddress) }),
  })
}
