import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { type PacketForm, packetForms } from '../support/packet-forms.js'
import { strictProblems } from '../support/strict-request.js'
import { checkCase, HTTP11_CASES } from './check-case.js'
import { BROKEN_CHUNKS } from './chunk-table.js'
import { FRAMING } from './framing-table.js'
import { KNOWN_FAILURES } from './http11-known-failures.js'
import { line, REQUEST_LINES } from './request-line-table.js'
import { type RowOutcome, runRows, SHORT } from './row-runner.js'

conserved()

/** One record, and two with the cut in the middle: where records are cut in all other ways is the business of the rows over plain TCP. */
function fewForms(bytes: string): PacketForm[] {
  const forms = packetForms(bytes)
  return [forms[0], forms[Math.ceil(forms.length / 2)]].filter((form) => form !== undefined)
}

describe.each(ACCEPTOR_KINDS)('over TLS, %s', (kind) => {
  const isUws = kind === 'uws'
  const heads = [
    ...FRAMING.map(([id, what, bytes]) => [id, what, bytes, [400, 408, 501]] as const),
    ...REQUEST_LINES.map(([id, what, text, statuses]) => [id, what, line(text), statuses] as const),
  ]
  let subject: AcceptorUnderTest
  let outcomes: ReadonlyMap<string, RowOutcome>
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind, { secure: true, timeouts: isUws ? SHORT : {} })
    outcomes = await runRows(
      subject,
      [...heads, ...BROKEN_CHUNKS].map(([, , bytes]) => bytes),
      fewForms,
    )
    expect(subject.breaches).toEqual([])
  }, 60_000)
  afterAll(async () => {
    await subject.close()
  })

  it('a request and its answer, and the next one on the same connection', async () => {
    const one = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
    const { statuses, lines, problems } = await exchange(subject, one)
    expect({ statuses, lines, problems }).toEqual({ statuses: [200], lines: ['GET /a'], problems: [] })
  })

  it.each(heads)('%s %s: refused and closed, nothing reaches the application', (_, __, bytes, allowed) => {
    const { forms = [], seen = [] } = outcomes.get(bytes) ?? {}
    expect(forms.length).toBeGreaterThan(0)
    expect(forms.filter(({ closed, problem }) => !closed || problem !== null)).toEqual([])
    expect(seen.map(({ method, target }) => `${method} ${target}`)).toEqual([])
    const words = ['', ...allowed.map(String), ...(isUws ? ['505'] : [])]
    expect(forms.filter(({ statuses }) => !words.includes(statuses.join()))).toEqual([])
  })

  it.each(BROKEN_CHUNKS)('%s %s: the hidden request is never executed', (_, __, bytes) => {
    const { forms = [], seen = [] } = outcomes.get(bytes) ?? {}
    expect(forms.length).toBeGreaterThan(0)
    expect(
      forms.filter(({ closed, problem, statuses }) => !closed || problem !== null || statuses.length > 1),
    ).toEqual([])
    expect(seen.filter(({ target }) => target !== '/a')).toEqual([])
    expect(seen.flatMap(strictProblems)).toEqual([])
  })

  it.each(HTTP11_CASES.map((testCase) => [testCase.id, testCase.description, testCase] as const))(
    '%s %s',
    async (id, _, testCase) => {
      await checkCase(testCase, subject, { isUws, isKnown: KNOWN_FAILURES[kind][id] !== undefined })
    },
  )
})
