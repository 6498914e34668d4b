import { type SeenRequest, seenBody } from './seen-request.js'
import { isStrictFieldValue, isStrictHost, isStrictTarget, isStrictToken } from './strict-grammar.js'
import { parseStrictRequests } from './strict-request-parser.js'

/** Fields that must have been taken off before a request reaches the application (RFC 9110 §7.6.1, B10, B11). */
const FORBIDDEN = new Set([
  'connection',
  'content-length',
  'expect',
  'forwarded',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
])
/** What a CGI-like application takes a name with `_` for. */
const FRAMING = new Set(['content-length', 'host', 'transfer-encoding'])

/**
 * Everything that is wrong with a request that reached the application, judged by the RFCs alone: its parts, and
 * whether the request line, fields and body, put together again, are exactly one request for a strict server.
 */
export function strictProblems(seen: SeenRequest): string[] {
  const problems: string[] = []
  if (!isStrictToken(seen.method)) problems.push(`method ${JSON.stringify(seen.method)}`)
  if (!isStrictTarget(seen.method, seen.target)) problems.push(`target ${JSON.stringify(seen.target)}`)
  if (!isStrictHost(seen.host)) problems.push(`host ${JSON.stringify(seen.host)}`)
  problems.push(...fieldProblems(seen))
  const body = seenBody(seen)
  if (seen.state === 'complete') {
    const wanted = Math.max(0, seen.contentLength)
    if (seen.contentLength !== -2 && body.length !== wanted)
      problems.push(`${body.length} of ${wanted} body bytes`)
    problems.push(...reframed(seen, body))
  } else if (seen.contentLength !== -2 && body.length > Math.max(0, seen.contentLength)) {
    problems.push('more body than announced')
  }
  return problems
}

function fieldProblems(seen: SeenRequest): string[] {
  const problems: string[] = []
  const lines = seen.headerBlock.split('\r\n')
  if (lines.pop() !== '') problems.push('header block does not end with CRLF')
  let hosts = 0
  for (const line of lines) {
    const match = /^([^:]*): (.*)$/s.exec(line)
    const name = match?.[1] ?? ''
    const value = match?.[2] ?? ''
    if (match === null || !isStrictToken(name) || name !== name.toLowerCase() || !isStrictFieldValue(value)) {
      problems.push(`field line ${JSON.stringify(line)}`)
    }
    if (FORBIDDEN.has(name)) problems.push(`field ${name}`)
    if (name.includes('_') && FRAMING.has(name.replaceAll('_', '-'))) problems.push(`field ${name}`)
    if (name === 'host') {
      hosts += 1
      if (value !== seen.host)
        problems.push(`Host ${JSON.stringify(value)} is not ${JSON.stringify(seen.host)}`)
    }
  }
  if (hosts !== 1) problems.push(`${hosts} Host fields`)
  return problems
}

function reframed(seen: SeenRequest, body: Buffer): string[] {
  const chunked = seen.contentLength === -2
  const framing = chunked ? 'transfer-encoding: chunked\r\n' : `content-length: ${body.length}\r\n`
  const head = `${seen.method} ${seen.target} HTTP/1.1\r\n${seen.headerBlock}${framing}\r\n`
  const payload = chunked
    ? Buffer.concat([
        body.length > 0 ? Buffer.from(`${body.length.toString(16)}\r\n`) : Buffer.alloc(0),
        body.length > 0 ? Buffer.concat([body, Buffer.from('\r\n')]) : body,
        Buffer.from('0\r\n\r\n'),
      ])
    : body
  const reading = parseStrictRequests(Buffer.concat([Buffer.from(head, 'latin1'), payload]))
  const only = reading.requests[0]
  if (reading.error !== null) return [`re-framed: ${reading.error}`]
  if (reading.requests.length !== 1 || only === undefined || !only.complete || reading.restBytes > 0) {
    return ['re-framed: not exactly one request']
  }
  return only.target === seen.target && only.body.equals(body) ? [] : ['re-framed: other target or body']
}
