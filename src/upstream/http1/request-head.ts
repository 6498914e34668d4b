import { isToken } from '../../session/header-rules.js'
import type { UpstreamRequest } from './types.js'

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
/** Methods for which a server expects content, so that its absence is said (RFC 9110 §8.6). */
const EXPECTS_CONTENT = new Set(['POST', 'PUT', 'PATCH'])
// Written as latin1, a character above U+00FF would lose its high byte and could become a CR or LF.
const MORE_THAN_A_BYTE = /[^\0-\xff]/
/** One or more characters of a request target: nothing that could end the line or the word. */
const TARGET = /^[\x21-\x7e\x80-\xff]+$/

/**
 * The head of a request as it goes on the wire: request line, the caller's fields, our framing, empty line.
 *
 * The caller has validated its fields. What is checked again is what costs nothing and would let a request be
 * smuggled upstream: see {@link requestProblem}.
 */
export function requestHead(request: UpstreamRequest): string {
  const line = `${request.method} ${request.target} HTTP/1.1\r\n${request.headerBlock}`
  const upgrade =
    request.upgrade === undefined ? '' : `Connection: Upgrade\r\nUpgrade: ${request.upgrade}\r\n`
  switch (request.body.kind) {
    case 'length':
      return `${line}${upgrade}Content-Length: ${request.body.length}\r\n\r\n`
    case 'chunked':
      return `${line}${upgrade}Transfer-Encoding: chunked\r\n\r\n`
    case 'none':
      return request.method !== 'GET' && EXPECTS_CONTENT.has(request.method)
        ? `${line}${upgrade}Content-Length: 0\r\n\r\n`
        : `${line}${upgrade}\r\n`
  }
}

/** Characters of a request line besides method and target. */
const LINE_REST = ' '.length + ' HTTP/1.1\r\n'.length

/**
 * Why a request must not be written, or null.
 * @param head of {@link requestHead}: looked at whole, so that its parts are joined once, for the looking and the writing
 */
export function requestProblem(request: UpstreamRequest, head: string): string | null {
  const { method, target, headerBlock, body, bodyBytes, upgrade } = request
  if (method !== 'GET' && !METHODS.has(method) && (method === 'CONNECT' || !isToken(method)))
    return 'the method is not allowed'
  if (!TARGET.test(target)) return 'the request target is invalid'
  const blockEnd = method.length + target.length + LINE_REST + headerBlock.length
  // One expression for all three takes twice as long.
  if (!head.startsWith('\r\n', blockEnd - 2)) return 'the header block does not end with CRLF'
  if (head.indexOf('\r\n\r\n') !== head.length - 4) return 'the header block holds an empty line'
  if (MORE_THAN_A_BYTE.test(head)) return 'the header block holds a character above U+00FF'
  if (upgrade !== undefined && !upgrade.split(',').every((name) => isProtocol(name.trim()))) {
    return 'the upgrade protocol is invalid'
  }
  if (body.kind === 'length') {
    if (!Number.isSafeInteger(body.length) || body.length < 0) return 'the body length is invalid'
    if (bodyBytes !== undefined && bodyBytes.length !== body.length)
      return 'the body is not as long as announced'
  } else if (body.kind === 'none' && bodyBytes !== undefined && bodyBytes.length > 0) {
    return 'there is a body where none was announced'
  }
  return null
}

/** RFC 9110 §7.8: `protocol-name["/"protocol-version]`. */
function isProtocol(text: string): boolean {
  const slash = text.indexOf('/')
  if (slash < 0) return isToken(text)
  return isToken(text.slice(0, slash)) && isToken(text.slice(slash + 1))
}
