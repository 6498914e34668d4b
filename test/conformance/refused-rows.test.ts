import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { strictProblems } from '../support/strict-request.js'
import { parseStrictRequests } from '../support/strict-request-parser.js'
import { BROKEN_CHUNKS } from './chunk-table.js'
import { FRAMING, NAMELESS } from './framing-table.js'
import { line, REQUEST_LINES } from './request-line-table.js'
import { type RowOutcome, runRows, SHORT } from './row-runner.js'

conserved()

/** Elsewhere `auto` takes the node acceptor. */
const IS_UWS_MENDED = process.platform === 'linux' && process.arch === 'x64'

const strictly = (bytes: string) => parseStrictRequests(Buffer.from(bytes, 'latin1')).requests

describe('the rows of framing', () => {
  it.each([...FRAMING, ...NAMELESS])('%s %s is no request for a strict reader either', (_, __, bytes) => {
    expect(strictly(bytes)).toEqual([])
  })
})

describe.each(ACCEPTOR_KINDS)('malformed requests over %s', (kind) => {
  const heads = [
    ...[...FRAMING, ...(kind === 'node' || IS_UWS_MENDED ? NAMELESS : [])].map(
      ([id, what, bytes]) => [id, what, bytes, [400, 408, 501]] as const,
    ),
    ...REQUEST_LINES.map(([id, what, text, statuses]) => [id, what, line(text), statuses] as const),
  ]
  let subject: AcceptorUnderTest
  let outcomes: ReadonlyMap<string, RowOutcome>
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind, { timeouts: kind === 'uws' ? SHORT : {} })
    outcomes = await runRows(subject, [
      ...heads.map(([, , bytes]) => bytes),
      ...BROKEN_CHUNKS.map(([, , bytes]) => bytes),
    ])
    expect(subject.breaches).toEqual([])
  }, 60_000)
  afterAll(async () => {
    await subject.close()
  })

  const outcomeOf = (bytes: string): RowOutcome => {
    const { forms = [], seen = [] } = outcomes.get(bytes) ?? {}
    expect(forms.length).toBeGreaterThan(15)
    expect(forms.filter(({ closed, problem }) => !closed || problem !== null)).toEqual([])
    expect(forms.filter(({ statuses }) => statuses.length > 1)).toEqual([])
    return { forms, seen }
  }

  it.each(heads)(
    '%s %s: refused and closed in every packet form, nothing reaches the application',
    (_, __, bytes, allowed) => {
      const { forms, seen } = outcomeOf(bytes)
      expect(seen.map(({ method, target }) => `${method} ${target}`)).toEqual([])
      // 505 is the word of uWS's own parser for most that is wrong with a request line.
      const words = ['', ...allowed.map(String), ...(kind === 'uws' ? ['505'] : [])]
      expect(forms.filter(({ statuses }) => !words.includes(statuses.join()))).toEqual([])
    },
  )

  it.each(BROKEN_CHUNKS)(
    '%s %s: the hidden request is never executed, at most one request is, and the connection is closed',
    (_, __, bytes) => {
      expect(strictly(bytes).filter(({ complete }) => complete)).toEqual([])
      const { forms, seen } = outcomeOf(bytes)
      expect(seen.filter(({ target }) => target !== '/a')).toEqual([])
      expect(seen.length).toBeLessThanOrEqual(forms.length)
      expect(seen.flatMap(strictProblems)).toEqual([])
      // uWS decodes chunks itself and takes some of these for proper ones (U4): then the body goes on as what uWS made of
      // it, in a framing of our own. Everywhere else it is never complete, and the client is told so.
      if (kind === 'uws') return
      expect(seen.filter(({ state }) => state !== 'aborted')).toEqual([])
      expect(forms.filter(({ statuses }) => !['', '400', '413'].includes(statuses.join()))).toEqual([])
    },
  )

  it('U1 says why it refused: one 400 with an error document, and one report', async () => {
    const bytes = 'POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc'
    const { responses } = await exchange(subject, bytes, { untilClosed: true })
    expect(subject.refusals.map(({ status, kind: what }) => [status, what])).toEqual([[400, 'parse']])
    const [answer] = responses
    expect(answer?.status).toBe(400)
    expect(answer?.header('connection')).toBe('close')
    expect(answer?.header('proxy-status')).toMatch(/^headgate; error=http_request_error/)
    expect(answer?.header('x-request-id')).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(JSON.parse(answer?.body.toString() ?? '')).toMatchObject({ error: 'bad_request', status: 400 })
  })
})
