import type { NodeVerdict } from './node-client.js'
import type { Transcript } from './read-response.js'

interface Difference {
  readonly why: string
  readonly problem: string
  /** What of the response shows it; any when not given. */
  readonly shows?: RegExp
}

/**
 * What we refuse and Node's client (llhttp, strict) takes, all of it on purpose: two readers could differ on such
 * bytes, and a gateway must not be one of them.
 */
const STRICTER: readonly Difference[] = [
  {
    why: 'RFC 9112 §2.2 lets only servers skip empty lines before a message',
    problem: 'the status line is invalid',
    shows: /(^|\n)[\r\n]+HTTP\/1\./,
  },
  {
    why: 'a reason phrase holds no control character and no bare CR (RFC 9112 §4)',
    problem: 'the status line is invalid',
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    shows: /(^|\n)HTTP\/1\.[01] \d{3}[^\n]*([\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n])/,
  },
  {
    why: 'a status is 100 to 599 (RFC 9110 §15)',
    problem: 'the status line is invalid',
    shows: /(^|\n)HTTP\/1\.[01] [06-9]\d\d/,
  },
  {
    why: 'versions other than 1.0 and 1.1 are not ours',
    problem: 'the status line is invalid',
    shows: /(^|\n)HTTP\/(0\.9|2\.0) /,
  },
  {
    why: 'we cannot decode another coding, and Node would read to the end of the connection',
    problem: 'the response has a Transfer-Encoding other than chunked',
  },
  {
    why: 'HTTP/1.0 knows no Transfer-Encoding (RFC 9112 §6.1)',
    problem: 'the response has Transfer-Encoding in HTTP/1.0',
  },
  {
    why: 'an interim response that announces a body could be followed by one',
    problem: 'the response has an interim response with a body',
  },
  {
    why: 'an interim response that ends the connection leaves no room for the final one',
    problem: 'the response has an interim response that ends the connection',
  },
  {
    why: 'more than 15 digits do not fit a double',
    problem: 'the response has several Content-Length fields, or an invalid one',
    shows: /content-length:[ \t]*\d{16}/i,
  },
  {
    why: 'Node takes a 101 without Upgrade for a final response',
    problem: 'the response has a 101 that was not asked for',
  },
  {
    why: 'llhttp takes a quote within an unquoted chunk extension value; RFC 9112 §7.1.1 does not',
    problem: 'the chunked body has an invalid chunk extension',
  },
  { why: '8 digits are 4 GiB', problem: 'the chunked body has a chunk size of more than 8 digits' },
]

/** What Node refuses and we take: valid by RFC 9112, and nothing of it is passed on. */
const LOOSER: readonly { why: string; shows: RegExp }[] = [
  {
    why: 'a 205 has no content (RFC 9110 §15.3.6), whatever it announces; its connection is not used again',
    shows: /HTTP\/1\.[01] 205/,
  },
  {
    why: 'framing fields in trailers are dropped',
    shows: /\r\n0[^\r\n]*\r\n([^\r\n]+\r\n)*(content-length|transfer-encoding):/i,
  },
]

/** Hop-by-hop, framing, and Date, which the acceptor writes itself. */
const HOP_BY_HOP =
  /^(date|connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length)$/i

/** Never taken over from trailers (RFC 9110 §6.5.1). */
const UNWANTED_TRAILER =
  /^(authorization|cache-control|content-(encoding|range|type)|host|location|proxy-auth.*|set-cookie|vary|www-authenticate)$/i

function fieldsOf(block: string): [string, string][] {
  return block
    .split('\r\n')
    .slice(0, -1)
    .map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
    })
}

/** Node's field list as we would have to report it. */
function forwarded(fields: readonly [string, string][]): [string, string][] {
  const named = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((option) => option.replace(/^[\t ]+|[\t ]+$/g, ''))
    .filter((option) => option.startsWith('x-'))
  return fields.filter(([name]) => !HOP_BY_HOP.test(name) && !named.includes(name.toLowerCase()))
}

function parts(transcript: Transcript) {
  return {
    status: transcript.head?.status,
    statusText: transcript.head?.statusText,
    interim: transcript.interim.map((it) => Number(it.slice(0, 3))),
    fields: fieldsOf(transcript.head?.headerBlock ?? ''),
    body: transcript.body,
    trailers: fieldsOf(transcript.trailers),
  }
}

function partsOfNode(verdict: NodeVerdict): ReturnType<typeof parts> {
  const { status, statusText, interim, body } = verdict
  // A 205 ends with its head, whatever it announced.
  const trailers = status === 205 ? [] : verdict.trailers
  return {
    status,
    statusText,
    interim,
    fields: forwarded(verdict.fields),
    body: status === 205 ? '' : body,
    trailers: forwarded(trailers).filter(([name]) => !UNWANTED_TRAILER.test(name)),
  }
}

/**
 * What our reading and Node's of one response differ in, other than on purpose; null: nothing.
 * @param text the whole of it, one character per byte, behind which the connection was closed
 * @param verdict null: Node has refused it
 */
export function differenceFromNode(
  text: string,
  transcript: Transcript,
  verdict: NodeVerdict | null,
): string | null {
  if (transcript.state !== 'complete') {
    if (verdict === null) return null
    const { problem } = transcript
    const isStricter = STRICTER.some((it) => it.problem === problem && (it.shows?.test(text) ?? true))
    return isStricter ? null : `only we refuse it: ${transcript.state} ${problem}`
  }
  if (verdict === null) {
    // Bytes after the response. Node may refuse both; we deliver what is complete and drop the connection (A7).
    if (transcript.consumed < text.length || LOOSER.some(({ shows }) => shows.test(text))) return null
    return 'only Node refuses it'
  }
  const ours = JSON.stringify(parts(transcript))
  const nodes = JSON.stringify(partsOfNode(verdict))
  return ours === nodes ? null : `we read ${ours}, Node ${nodes}`
}
