import type { Reason } from '../../session/errors.js'
import type { FieldSection } from './field-section.js'

/** How the end of a response is found (RFC 9112 §6.3). `upgrade`: what follows is another protocol. */
export type ResponseFraming =
  | { readonly kind: 'none' | 'chunked' | 'until-close' | 'upgrade'; readonly reusable: boolean }
  | { readonly kind: 'length'; readonly reusable: true }
  | { readonly kind: 'invalid'; readonly reason: Reason; readonly message: string }

const NONE = { kind: 'none', reusable: true } as const
const NONE_AND_CLOSE = { kind: 'none', reusable: false } as const
const LENGTH = { kind: 'length', reusable: true } as const
const CHUNKED = { kind: 'chunked', reusable: true } as const
const UNTIL_CLOSE = { kind: 'until-close', reusable: false } as const
const UPGRADE = { kind: 'upgrade', reusable: false } as const

function invalid(message: string, reason: Reason = 'http_protocol_error'): ResponseFraming {
  return { kind: 'invalid', reason, message }
}

/**
 * Decides the framing of a response, and refuses what two readers could understand differently (A8):
 * several or invalid `Content-Length`, `Content-Length` beside `Transfer-Encoding`, any coding but `chunked`,
 * `Transfer-Encoding` in HTTP/1.0, an interim response with a body or before a close, a 101
 * nobody asked for.
 *
 * A 204 that announces a body, and a 205 that does not announce an empty one, have none, but their connection is not used again, since
 * the sender may think otherwise. HEAD and 304 may announce a length (RFC 9110 §8.6) or chunked, and stay reusable (A12).
 *
 * @param minorVersion of HTTP/1
 * @param offered the `Upgrade` value that the request carried, or null
 */
export function responseFraming(
  status: number,
  minorVersion: number,
  isHead: boolean,
  fields: FieldSection,
  offered: string | null,
): ResponseFraming {
  const length = fields.contentLength
  const coding = fields.transferCoding
  if (length === -2) return invalid('several Content-Length fields, or an invalid one')
  if (coding !== 'none') {
    if (coding === 'other')
      return invalid('a Transfer-Encoding other than chunked', 'http_response_transfer_coding')
    if (length !== -1) return invalid('both Content-Length and Transfer-Encoding')
    if (minorVersion === 0) return invalid('Transfer-Encoding in HTTP/1.0')
  }
  const announcesBody = coding !== 'none' || length > 0
  if (status < 200) {
    if (announcesBody) return invalid('an interim response with a body')
    if (minorVersion === 0 || fields.close) return invalid('an interim response that ends the connection')
    if (status !== 101) return NONE
    if (offered === null) return invalid('a 101 that was not asked for')
    if (!fields.connectionUpgrade || !isOffered(fields.upgrade, offered)) {
      return invalid('a 101 without the protocol that was offered', 'http_upgrade_failed')
    }
    return UPGRADE
  }
  if (isHead || status === 304) return NONE
  if (status === 204) return announcesBody ? NONE_AND_CLOSE : NONE
  // Without a length, a reader that does not know of its emptiness would wait for the close (RFC 9112 §6.3), and so might the sender.
  if (status === 205) return length === 0 ? NONE : NONE_AND_CLOSE
  if (coding === 'chunked') return CHUNKED
  if (length === -1) return UNTIL_CLOSE
  return length === 0 ? NONE : LENGTH
}

function isOffered(chosen: string, offered: string): boolean {
  const wanted = chosen.toLowerCase()
  return (
    wanted !== '' &&
    offered
      .toLowerCase()
      .split(',')
      .some((protocol) => protocol.trim() === wanted)
  )
}
