import type { EventsConfig } from '../../config/types-adserving.js'
import type { ReadonlyRequestHeader } from '../../session/message-headers.js'
import type { ServedUnit } from '../session/index.js'
import type { Trackers } from '../vast/index.js'

/** A transparent GIF of one pixel: what players expect of a tracking URL. */
export const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

/** Where players report events, as far as they asked; null where they cannot. */
export function eventBase(events: EventsConfig | null, request: ReadonlyRequestHeader): string | null {
  return events === null ? null : `${events.origin ?? originOf(request)}${events.path}`
}

/** Signed URLs for a served ad: its impression, click, completion, `notUsed` and error. Null where none can be reported. */
export function eventTrackers(unit: ServedUnit, base: string | null): Trackers | null {
  if (base === null) return null
  const urls = (event: string): string[] => {
    const token = unit.token(event)
    return token === null ? [] : [`${base}?t=${token}`]
  }
  return {
    impressions: urls('impression'),
    clicks: urls('click'),
    events: { complete: urls('complete'), notUsed: urls('notUsed') },
    errors: urls('error').map((url) => `${url}&code=[ERRORCODE]`),
  }
}

/** As the player reached us; the acceptor has checked the Host, and only trusted proxies may say that it was TLS. */
function originOf({ headers }: ReadonlyRequestHeader): string {
  const scheme = headers.get('x-forwarded-proto') === 'https' ? 'https' : 'http'
  return `${scheme}://${headers.get('host') ?? 'localhost'}`
}
