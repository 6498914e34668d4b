import { type ParsedResponses, parseResponses } from '../support/response-parser.js'
import type { StrictReading, StrictRequest } from '../support/strict-request-parser.js'
import { difference } from './expected-request.js'
import type { ForwardedRequest } from './fuzz-origin.js'
import type { ClientOutcome } from './loopback-client.js'

/** A line of the access log, as far as it is looked at. */
export interface AccessLine {
  readonly msg: string
  readonly reqId: string
  readonly client: string
  readonly method?: string
  readonly host?: string
  readonly path?: string
  readonly query?: string
  readonly status: number
  readonly upstreamStatus?: number
  readonly tries: number
  readonly bytesIn: number
  readonly truncated?: boolean
}

/** All that became of one input. */
export interface RequestCase {
  readonly strict: StrictReading
  readonly outcome: ClientOutcome
  readonly forwarded: readonly ForwardedRequest[]
  readonly lines: readonly AccessLine[]
  /** uWebSockets.js reads chunks leniently (U4): such a body may go on in a framing of our own, as the last one of its connection. */
  readonly lenientChunks: boolean
  /** Some line that may be the length of a chunk has an extension, which uWebSockets.js reads as more digits. */
  readonly hasExtension: boolean
  /** The same input as the server reads it whose leniency is documented, Node's towards request lines; absent: none is. */
  readonly lenient?: StrictReading
}

/** Everything that is wrong with what became of an input; empty when all is well. */
export function judgeRequest(it: RequestCase): string[] {
  const problems = [...judgeForwarded(it), ...judgeLines(it), ...judgeAnswers(it)]
  const { lenient, ...rest } = it
  return problems.length === 0 || lenient === undefined
    ? problems
    : judgeRequest({ ...rest, strict: lenient })
}

function judgeForwarded(it: RequestCase): string[] {
  const { strict, forwarded } = it
  // Those of one connection may overtake each other on their way to the origin. One that broke off could be any that begins so: whole ones choose first.
  const left = [...strict.requests]
  for (const got of [...forwarded].sort((a, b) => Number(b.complete) - Number(a.complete))) {
    const problems = left.map((sent) => difference(sent, got) || bodyDifference(sent, got, it))
    const at = problems.indexOf('')
    if (at < 0) {
      const why = problems.length === 0 ? 'a strict server sees no request here' : problems.join('; ')
      return [`forwarded ${got.method} ${got.target}, which was not sent: ${why}`]
    }
    left.splice(at, 1)
  }
  return []
}

function bodyDifference(
  sent: StrictRequest,
  got: ForwardedRequest,
  { lenientChunks, hasExtension }: RequestCase,
): string {
  const body = sent.body.toString('latin1')
  const isChunked = sent.headers.some(([name]) => name === 'transfer-encoding')
  if (sent.complete) {
    const isSame = got.complete ? got.body === body : body.startsWith(got.body)
    // The body then goes on into what follows, which is never taken for a request.
    const isMisread = isChunked && lenientChunks && hasExtension && got.body.startsWith(body)
    return isSame || isMisread ? '' : `body ${JSON.stringify(got.body)} of ${JSON.stringify(body)}`
  }
  if (got.complete && !(isChunked && lenientChunks)) return 'a whole body of a broken one'
  return ''
}

function judgeLines({ forwarded, lines }: RequestCase): string[] {
  const problems: string[] = []
  const sessions = lines.filter(({ msg }) => msg === 'session')
  for (const got of forwarded) {
    const own = sessions.filter(({ reqId }) => reqId === got.requestId)
    const [line] = own
    if (line === undefined || own.length !== 1) {
      problems.push(`${own.length} lines for the forwarded ${got.method} ${got.target}`)
      continue
    }
    const host = got.headers.find(([name]) => name === 'host')?.[1]
    const target = line.query === undefined ? line.path : `${line.path}?${line.query}`
    const logged = [line.method, line.host, target, line.tries]
    const seen = [got.method, host, got.target, 1]
    if (line.truncated !== true && JSON.stringify(logged) !== JSON.stringify(seen))
      problems.push(`logged ${JSON.stringify(logged)}, forwarded ${JSON.stringify(seen)}`)
    if (got.complete && line.bytesIn !== got.body.length)
      problems.push(`logged ${line.bytesIn} bytes of body, forwarded ${got.body.length}`)
  }
  const ids = new Set(forwarded.map(({ requestId }) => requestId))
  if (ids.size !== forwarded.length) problems.push('one request was forwarded twice')
  for (const { reqId, upstreamStatus } of sessions) {
    if (upstreamStatus !== undefined && !ids.has(reqId))
      problems.push(`logged an upstream's ${upstreamStatus} for ${reqId}, which was never forwarded`)
  }
  if (new Set(lines.map(({ reqId }) => reqId)).size !== lines.length) problems.push('two lines of one id')
  return problems
}

function judgeAnswers({ strict, outcome, forwarded, lines, lenientChunks }: RequestCase): string[] {
  const problems: string[] = []
  const methods = strict.requests.map(({ method }) => method)
  const read = (known: readonly string[]): ParsedResponses =>
    parseResponses(outcome.received, { methods: known, closed: outcome.closed })
  // A request that is refused is not among them; where its method was read, an answer to HEAD has no body. What uWebSockets.js refuses by itself it
  // answers without a look at the method, and in the place of an answer that is due.
  const readings = [[...methods, 'GET'], [...methods, 'HEAD'], ...(lenientChunks ? [[]] : [])].map(read)
  const best = readings.find((reading) => reading.problem === null) ?? readings[0]
  const responses = best?.responses ?? []
  const problem = best?.problem ?? null
  if (problem !== null) problems.push(`answer off the grammar: ${problem}`)
  if (responses.length > Math.max(1, strict.requests.length + 1))
    problems.push(`${responses.length} answers to ${strict.requests.length} requests`)
  for (const { status, header } of responses) {
    const id = header('x-request-id')
    if (status === 200 && !forwarded.some(({ requestId }) => requestId === id))
      problems.push(`200 for ${id}, which was never forwarded`)
    const line = lines.find(({ reqId }) => reqId === id)
    if (line !== undefined && line.status !== status)
      problems.push(`logged status ${line.status}, sent ${status}`)
  }
  return problems
}
