import {
  isStrictContentLength,
  isStrictFieldValue,
  isStrictHost,
  isStrictTarget,
  isStrictToken,
  strictChunkSize,
} from './strict-grammar.js'

export interface StrictRequest {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
  /** The whole body was there. */
  readonly complete: boolean
}

export interface StrictReading {
  /** Requests whose head is beyond doubt, in order. The last one may have a broken or missing body. */
  readonly requests: readonly StrictRequest[]
  /** Why reading stopped before the end, or null. */
  readonly error: string | null
  /** Bytes that belong to no request. */
  readonly restBytes: number
}

/** Which targets are accepted. */
export type TargetRule = (method: string, target: string) => boolean

class Refused extends Error {}

/**
 * What the strictest server makes of the bytes of one connection (RFC 9112 with every MUST and every MAY-reject taken):
 * nothing after an error is a request, nor after `Connection: close`, nor after HTTP/1.0 without keep-alive. It is the
 * yardstick for smuggling: a gateway that lets through more requests than this has executed a hidden one.
 * @param isTarget default: the grammar
 * @param isLenient passes over CR and LF in any order where a request line is due, and takes several spaces before its version for one
 */
export function parseStrictRequests(
  bytes: Buffer,
  isTarget: TargetRule = isStrictTarget,
  isLenient = false,
): StrictReading {
  const requests: StrictRequest[] = []
  let at = 0
  try {
    for (;;) {
      // RFC 9112 §2.2: empty lines before a request line are ignored, and LF alone may be taken for CRLF. Here that
      // moves no boundary of a message.
      while (bytes[at] === 10 || (bytes[at] === 13 && (isLenient || bytes[at + 1] === 10))) at += 1
      if (at >= bytes.length) return { requests, error: null, restBytes: 0 }
      const head = readHead(bytes, at, isTarget, isLenient)
      if (head === null) return { requests, error: 'incomplete head', restBytes: bytes.length - at }
      const slot = requests.length
      const { method, target, version, headers } = head
      const request = { method, target, version, headers }
      requests.push({ ...request, body: Buffer.alloc(0), complete: false })
      at = head.next
      const body = head.chunked ? readChunks(bytes, at) : readLength(bytes, at, head.length)
      requests[slot] = { ...request, body: body.body, complete: body.complete }
      at = body.next
      if (!body.complete) return { requests, error: 'incomplete body', restBytes: 0 }
      if (head.last) return { requests, error: null, restBytes: bytes.length - at }
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { requests, error: error.message, restBytes: bytes.length - at }
  }
}

interface Head {
  readonly method: string
  readonly target: string
  readonly version: '1.0' | '1.1'
  readonly headers: [string, string][]
  readonly chunked: boolean
  readonly length: number
  /** The connection ends after this request. */
  readonly last: boolean
  readonly next: number
}

function readLine(bytes: Buffer, at: number): { readonly line: string; readonly next: number } | null {
  const lf = bytes.indexOf(10, at)
  const text = bytes.toString('latin1', at, lf < 0 ? bytes.length : lf)
  const cr = text.indexOf('\r')
  if (lf < 0) {
    if (cr >= 0 && cr < text.length - 1) throw new Refused('bare CR')
    return null
  }
  if (cr < 0) throw new Refused('bare LF')
  if (cr !== text.length - 1) throw new Refused('bare CR')
  return { line: text.slice(0, -1), next: lf + 1 }
}

function readFields(
  bytes: Buffer,
  from: number,
): { readonly fields: [string, string][]; readonly next: number } | null {
  const fields: [string, string][] = []
  let at = from
  for (;;) {
    const read = readLine(bytes, at)
    if (read === null) return null
    at = read.next
    if (read.line === '') return { fields, next: at }
    const colon = read.line.indexOf(':')
    const name = read.line.slice(0, Math.max(colon, 0))
    const value = read.line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, '')
    if (colon < 0 || !isStrictToken(name)) throw new Refused(`field name ${JSON.stringify(name)}`)
    if (!isStrictFieldValue(value)) throw new Refused(`field value of ${name}`)
    fields.push([name.toLowerCase(), value])
  }
}

function readHead(bytes: Buffer, from: number, isTarget: TargetRule, isLenient: boolean): Head | null {
  const first = readLine(bytes, from)
  if (first === null) return null
  // RFC 9112 §3 lets a server take several spaces for one; that moves no boundary of a message.
  const line = isLenient ? first.line.replace(/ {2,}(?=HTTP\/)/, ' ') : first.line
  const match = /^(\S+) +(\S+) HTTP\/(1\.[01])$/.exec(line)
  const method = match?.[1] ?? ''
  const target = match?.[2] ?? ''
  if (!isStrictToken(method) || !isTarget(method, target)) throw new Refused('request line')
  const section = readFields(bytes, first.next)
  if (section === null) return null
  const version = match?.[3] === '1.0' ? '1.0' : '1.1'
  const values = (name: string): string[] =>
    section.fields.filter(([n]) => n === name).map(([, value]) => value)
  const hosts = values('host')
  if (hosts.length > 1 || (hosts.length === 0 && version === '1.1'))
    throw new Refused(`${hosts.length} Host fields`)
  if (hosts[0] !== undefined && !isStrictHost(hosts[0])) throw new Refused('Host value')
  const lengths = values('content-length')
  const codings = values('transfer-encoding')
  if (lengths.length + codings.length > 1) throw new Refused('framing fields more than once')
  if (lengths[0] !== undefined && !isStrictContentLength(lengths[0]))
    throw new Refused('Content-Length value')
  if (codings[0] !== undefined && codings[0].toLowerCase() !== 'chunked')
    throw new Refused('Transfer-Encoding value')
  if (codings.length > 0 && version === '1.0') throw new Refused('Transfer-Encoding in HTTP/1.0')
  const options = values('connection').flatMap((v) =>
    v
      .toLowerCase()
      .split(',')
      .map((option) => option.trim()),
  )
  return {
    method,
    target,
    version,
    headers: section.fields,
    chunked: codings.length > 0,
    length: Number(lengths[0] ?? 0),
    last: options.includes('close') || (version === '1.0' && !options.includes('keep-alive')),
    next: section.next,
  }
}

interface Body {
  readonly body: Buffer
  readonly complete: boolean
  readonly next: number
}

function readLength(bytes: Buffer, from: number, length: number): Body {
  const next = Math.min(bytes.length, from + length)
  return { body: bytes.subarray(from, next), complete: next - from === length, next }
}

function readChunks(bytes: Buffer, from: number): Body {
  const parts: Buffer[] = []
  const partial = (): Body => ({ body: Buffer.concat(parts), complete: false, next: bytes.length })
  let at = from
  for (;;) {
    const line = readLine(bytes, at)
    if (line === null) return partial()
    const size = strictChunkSize(line.line)
    if (size === null) throw new Refused(`chunk size ${JSON.stringify(line.line.slice(0, 40))}`)
    at = line.next
    if (size === 0) {
      const trailers = readFields(bytes, at)
      if (trailers === null) return partial()
      return { body: Buffer.concat(parts), complete: true, next: trailers.next }
    }
    parts.push(bytes.subarray(at, Math.min(bytes.length, at + size)))
    at += size
    if (bytes.length < at + 2) return partial()
    if (bytes[at] !== 13 || bytes[at + 1] !== 10) throw new Refused('chunk data not ended by CRLF')
    at += 2
  }
}
