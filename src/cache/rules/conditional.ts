import type { EntryHead } from '../store/index.js'
import { listsTag } from './entity-tag.js'
import type { EntryMeta } from './entry-meta.js'
import { withoutLines } from './field-block.js'
import type { Fields } from './fields.js'
import { parseHttpDate } from './http-date.js'

/**
 * Whether the client has what is stored (RFC 9111 §4.3.2, RFC 9110 §13.2.2): then it gets 304. The conditions count for an answer that
 * would be a 2xx (RFC 9110 §13.2.1).
 */
export function isNotModified(request: Fields, head: EntryHead, { etag }: Pick<EntryMeta, 'etag'>): boolean {
  if (head.status < 200 || head.status > 299) return false
  const noneMatch = request.get('if-none-match')
  // §13.1.2: weak comparison; with it, If-Modified-Since is not looked at.
  if (noneMatch !== null) return noneMatch.trim() === '*' || (etag !== '' && listsTag(noneMatch, etag))
  const since = request.get('if-modified-since')
  if (since === null || head.lastModifiedMs === 0) return false
  // §13.1.3: an invalid date is ignored.
  const sinceMs = parseHttpDate(since)
  return sinceMs !== null && head.lastModifiedMs <= sinceMs
}

/** The field lines of a 304 made of a stored answer: nothing that describes the content (RFC 9110 §15.4.5). */
export function notModifiedBlock(headerBlock: string, etag: string): string {
  return withoutLines(
    headerBlock,
    (name) =>
      (name.startsWith('content-') && name !== 'content-location' && name !== 'content-security-policy') ||
      (name === 'last-modified' && etag !== ''),
  )
}

/** Fields in which a stored answer is validated (RFC 9111 §4.3.1); '' when it has no validator. */
export function validators(head: EntryHead, meta: EntryMeta, fields: Fields): string {
  const modified = head.lastModifiedMs === 0 ? null : fields.get('last-modified')
  return (
    (meta.etag === '' ? '' : `if-none-match: ${meta.etag}\r\n`) +
    (modified === null ? '' : `if-modified-since: ${modified}\r\n`)
  )
}
