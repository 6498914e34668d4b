/** A header line as received: name as written, value without surrounding whitespace. */
export type HeaderLine = readonly [name: string, value: string]

export interface ParsedResponse {
  readonly status: number
  readonly statusText: string
  readonly headers: readonly HeaderLine[]
  /** Decoded body; for an answer that is not complete, what there is of it. */
  readonly body: Buffer
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  readonly trailers: readonly HeaderLine[]
  readonly complete: boolean
  /** Statuses of the 1xx answers that came before this one. */
  readonly interim: readonly number[]
  /** All values of a field, names compared without case. */
  all(name: string): string[]
  /** The only value of a field, or null. */
  header(name: string): string | null
}

export interface ParsedResponses {
  readonly responses: readonly ParsedResponse[]
  /** 1xx answers that no final answer followed yet. */
  readonly pendingInterim: readonly number[]
  /** First breach of RFC 9112 by the server, or null. */
  readonly problem: string | null
  /** Bytes behind the last answer. */
  readonly rest: Buffer
}

export interface ParseOptions {
  readonly methods: readonly string[]
  /** The server closed: an answer without framing ends there. */
  readonly closed: boolean
}

class Breach extends Error {}

const STATUS_LINE = /^HTTP\/1\.1 ([1-5]\d\d) ([\t \x21-\x7e\x80-\xff]*)$/
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[\t ]*$/

/**
 * Reads the answers in `bytes` by RFC 9112, without leniency: bare LF, unknown framing, doubled Content-Length, a body
 * where none may be, and bytes behind an answer that no request asked for are all a `problem`.
 */
export function parseResponses(bytes: Buffer, options: ParseOptions): ParsedResponses {
  const responses: ParsedResponse[] = []
  let interim: number[] = []
  let at = 0
  try {
    while (at < bytes.length) {
      const head = readHead(bytes, at)
      if (head === null) break
      if (head.status < 200) {
        if (
          find(head.headers, 'content-length').length + find(head.headers, 'transfer-encoding').length >
          0
        ) {
          throw new Breach(`${head.status} with framing`)
        }
        interim.push(head.status)
        at = head.next
        if (head.status === 101) {
          responses.push(
            make(head, { body: bytes.subarray(at), complete: true, next: bytes.length }, 'none', []),
          )
          return { responses, pendingInterim: [], problem: null, rest: bytes.subarray(at) }
        }
        continue
      }
      const method = options.methods[responses.length] ?? 'GET'
      const framing = framingOf(head, method)
      const body = readBody(bytes, head, framing, options.closed)
      responses.push(make(head, body, framing.kind, interim))
      interim = []
      at = body.next
      if (!body.complete) break
    }
  } catch (error) {
    if (!(error instanceof Breach)) throw error
    return { responses, pendingInterim: interim, problem: error.message, rest: bytes.subarray(at) }
  }
  return { responses, pendingInterim: interim, problem: null, rest: bytes.subarray(at) }
}

interface Head {
  readonly status: number
  readonly statusText: string
  readonly headers: HeaderLine[]
  readonly next: number
}

interface Body {
  readonly body: Buffer
  readonly complete: boolean
  readonly next: number
  readonly trailers?: HeaderLine[]
}

type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly length: number }
  | { readonly kind: 'chunked' }
  | { readonly kind: 'close' }

function make(head: Head, body: Body, framing: Framing['kind'], interim: readonly number[]): ParsedResponse {
  const { headers } = head
  return {
    status: head.status,
    statusText: head.statusText,
    headers,
    body: body.body,
    framing,
    trailers: body.trailers ?? [],
    complete: body.complete,
    interim,
    all: (name) => find(headers, name),
    header: (name) => {
      const values = find(headers, name)
      return values.length === 1 ? (values[0] ?? null) : null
    },
  }
}

function find(headers: readonly HeaderLine[], name: string): string[] {
  return headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

/** One line without its CRLF and the offset behind it, or null when it is not all there yet. */
function readLine(bytes: Buffer, at: number): { readonly line: string; readonly next: number } | null {
  const lf = bytes.indexOf(10, at)
  if (lf < 0) return null
  if (lf === at || bytes[lf - 1] !== 13) throw new Breach(`line ended by bare LF at ${lf}`)
  const line = bytes.toString('latin1', at, lf - 1)
  if (line.includes('\r')) throw new Breach(`bare CR in line at ${at}`)
  return { line, next: lf + 1 }
}

function readFields(
  bytes: Buffer,
  from: number,
): { readonly fields: HeaderLine[]; readonly next: number } | null {
  const fields: HeaderLine[] = []
  let at = from
  for (;;) {
    const read = readLine(bytes, at)
    if (read === null) return null
    at = read.next
    if (read.line === '') return { fields, next: at }
    const match = FIELD_LINE.exec(read.line)
    if (match === null) throw new Breach(`bad field line ${JSON.stringify(read.line)}`)
    fields.push([match[1] ?? '', match[2] ?? ''])
  }
}

function readHead(bytes: Buffer, at: number): Head | null {
  const first = readLine(bytes, at)
  if (first === null) {
    if (!'HTTP/1.1 '.startsWith(bytes.toString('latin1', at, at + 9))) throw new Breach('not a status line')
    return null
  }
  const match = STATUS_LINE.exec(first.line)
  if (match === null) throw new Breach(`bad status line ${JSON.stringify(first.line)}`)
  const section = readFields(bytes, first.next)
  if (section === null) return null
  return { status: Number(match[1]), statusText: match[2] ?? '', headers: section.fields, next: section.next }
}

/** RFC 9112 §6.3, for an answer. */
function framingOf(head: Head, method: string): Framing {
  const lengths = find(head.headers, 'content-length')
  const codings = find(head.headers, 'transfer-encoding')
  if (lengths.length > 1) throw new Breach(`Content-Length ${lengths.length} times`)
  if (codings.length > 1) throw new Breach(`Transfer-Encoding ${codings.length} times`)
  if (lengths.length + codings.length > 1) throw new Breach('Content-Length and Transfer-Encoding')
  if (find(head.headers, 'date').length > 1) throw new Breach('Date more than once')
  if (lengths[0] !== undefined && !/^(0|[1-9]\d{0,14})$/.test(lengths[0]))
    throw new Breach('bad Content-Length')
  if (codings[0] !== undefined && codings[0] !== 'chunked') throw new Breach('bad Transfer-Encoding')
  if (head.status === 204 && lengths.length + codings.length > 0) throw new Breach('204 with framing')
  if (method === 'HEAD' || head.status === 204 || head.status === 304) return { kind: 'none' }
  if (codings.length === 1) return { kind: 'chunked' }
  if (lengths[0] !== undefined) return { kind: 'length', length: Number(lengths[0]) }
  return { kind: 'close' }
}

function readBody(bytes: Buffer, head: Head, framing: Framing, closed: boolean): Body {
  const from = head.next
  switch (framing.kind) {
    case 'none':
      return { body: Buffer.alloc(0), complete: true, next: from }
    case 'length': {
      const next = Math.min(bytes.length, from + framing.length)
      return { body: bytes.subarray(from, next), complete: next - from === framing.length, next }
    }
    case 'close':
      return { body: bytes.subarray(from), complete: closed, next: bytes.length }
    case 'chunked':
      return readChunks(bytes, from)
  }
}

function readChunks(bytes: Buffer, from: number): Body {
  const parts: Buffer[] = []
  let at = from
  const partial = (): Body => ({ body: Buffer.concat(parts), complete: false, next: bytes.length })
  for (;;) {
    const size = readLine(bytes, at)
    if (size === null) return partial()
    if (!/^[0-9a-fA-F]{1,8}$/.test(size.line)) throw new Breach(`bad chunk size ${JSON.stringify(size.line)}`)
    const length = Number.parseInt(size.line, 16)
    at = size.next
    if (length === 0) {
      const section = readFields(bytes, at)
      if (section === null) return partial()
      return { body: Buffer.concat(parts), complete: true, next: section.next, trailers: section.fields }
    }
    parts.push(bytes.subarray(at, Math.min(bytes.length, at + length)))
    at += length
    if (bytes.length < at + 2) return partial()
    if (bytes[at] !== 13 || bytes[at + 1] !== 10) throw new Breach(`chunk data not ended by CRLF at ${at}`)
    at += 2
  }
}
