import type { Headers, ReadonlyHeaders } from '../../session/headers.js'

/** Digests of the content, or of the representation as it is coded: both change with the coding (RFC 9530 §2, §3). */
const DIGESTS = ['content-digest', 'repr-digest', 'digest', 'content-md5']

/** RFC 9110 §7.7, RFC 9111 §5.2.2.6: nobody on the way may change the content. */
export function forbidsTransform(headers: ReadonlyHeaders): boolean {
  return members(headers, 'cache-control').includes('no-transform')
}

/** The content is coded already. */
export function isCoded(headers: ReadonlyHeaders): boolean {
  return members(headers, 'content-encoding').some((name) => name !== '' && name !== 'identity')
}

/**
 * The head of an answer whose content coding was changed by us: its strong validator no longer stands for the same bytes (RFC 9110 §8.8.3.3),
 * nor do digests, and ranges of it cannot be asked for.
 */
export function recoded(headers: Headers): void {
  const etag = headers.get('etag')
  if (etag?.startsWith('"') === true) headers.set('etag', `W/${etag}`)
  headers.remove('accept-ranges')
  for (const name of DIGESTS) headers.remove(name)
}

/** The answer depends on `Accept-Encoding` (RFC 9110 §12.5.5). */
export function addVary(headers: Headers): void {
  const names = members(headers, 'vary')
  if (!names.includes('accept-encoding') && !names.includes('*')) headers.append('Vary', 'Accept-Encoding')
}

/** The answer does not depend on it any more. */
export function dropVary(headers: Headers): void {
  const lines = headers.getAll('vary')
  if (lines.length === 0) return
  const kept = lines
    .flatMap((line) => line.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '' && name.toLowerCase() !== 'accept-encoding')
  headers.remove('vary')
  if (kept.length > 0) headers.append('Vary', kept.join(', '))
}

function members(headers: ReadonlyHeaders, name: string): string[] {
  const value = headers.get(name)
  return value === null ? [] : value.split(',').map((member) => member.trim().toLowerCase())
}
