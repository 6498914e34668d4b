import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { packetForms } from '../support/packet-forms.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
const HEAD = 'POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n'

describe.each(ACCEPTOR_KINDS)('100-continue over %s', (kind) => {
  let subject: AcceptorUnderTest
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind, { limits: { bodyBytes: 1_000 } })
  })
  afterAll(async () => {
    await subject.close()
  })

  it.each([
    ['Content-Length', 'Content-Length: 5\r\n\r\n', 'hello'],
    ['chunked', 'Transfer-Encoding: chunked\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  ])('§4.2 B17 the client is told once to go on (%s), and then answered', async (_, framing, body) => {
    subject.reset()
    for (const form of packetForms(`${HEAD}${framing}`)) {
      const client = await RawClient.connect(subject.port)
      await client.sendPieces(form.pieces)
      expect(await client.until(() => client.text === 'HTTP/1.1 100 Continue\r\n\r\n'), form.name).toBe(true)
      await client.send(body)
      const { responses, problem } = await client.readResponses()
      expect(problem, form.name).toBeNull()
      expect(
        responses.map((r) => [r.interim, r.status, r.body.toString()]),
        form.name,
      ).toEqual([[[100], 200, 'hello']])
      await client.destroy()
    }
    expect(subject.breaches).toEqual([])
  })

  it('B17 a body that comes without waiting is told so at most once', async () => {
    for (const form of packetForms(`${HEAD}Content-Length: 5\r\n\r\nhello`)) {
      const { responses, problems } = await exchange(subject, form)
      expect(problems, form.name).toEqual([])
      expect(
        responses.map((r) => [r.status, r.body.toString()]),
        form.name,
      ).toEqual([[200, 'hello']])
      expect(responses.flatMap((r) => r.interim).length, form.name).toBeLessThanOrEqual(1)
    }
  })

  it('B5 B17 a body beyond the limit is refused; node does not tell the client to go on before', async () => {
    const { responses, lines, closed, problems } = await exchange(
      subject,
      `${HEAD}Content-Length: 1001\r\n\r\n`,
      { untilClosed: true },
    )
    expect({ lines, closed, problems }).toEqual({ lines: [], closed: true, problems: [] })
    // uWS sends the 100 by itself before anybody is asked.
    expect(responses.map((r) => [r.interim, r.status])).toEqual([[kind === 'uws' ? [100] : [], 413]])
  })

  it.each(['100-Continue', '100-continue, 100-continue', '100-continue;a=b', '200-ok', ''])(
    'B17 Expect: %s is fulfilled, ignored or refused with 417, never fulfilled twice',
    async (value) => {
      const bytes = `POST /a HTTP/1.1\r\nHost: a\r\nExpect: ${value}\r\nContent-Length: 5\r\n\r\nhello`
      const { responses, problems } = await exchange(subject, bytes)
      expect(problems).toEqual([])
      expect(responses).toHaveLength(1)
      for (const answer of responses) {
        expect([200, 400, 417]).toContain(answer.status)
        expect([[], [100]]).toContainEqual(answer.interim)
      }
    },
  )

  it('B17 two Expect lines bring at most one 100', async () => {
    const { responses, problems } = await exchange(
      subject,
      `${HEAD}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
    )
    expect(problems).toEqual([])
    expect(responses.flatMap((r) => r.interim).length).toBeLessThanOrEqual(1)
  })

  it('an HTTP/1.0 client gets no 1xx', async () => {
    const bytes = 'POST /a HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello'
    const { responses, problems } = await exchange(subject, bytes, { untilClosed: true })
    expect(problems).toEqual([])
    expect(responses.flatMap((r) => r.interim)).toEqual([])
  })
})

describe.each(ACCEPTOR_KINDS)('answers before the end of the request over %s', (kind) => {
  describe.each(['early', 'at-once'] as const)('given %s', (answerTime) => {
    let subject: AcceptorUnderTest
    beforeAll(async () => {
      subject = await AcceptorUnderTest.start(kind, {
        answerTime,
        application: (given) => given.respond(403, 'Forbidden', '', Buffer.from('no'), 2),
      })
    })
    afterAll(async () => {
      await subject.close()
    })

    const UPLOADS = [
      ['Content-Length', `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`],
      [
        'Content-Length on GET',
        `GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}`,
      ],
      [
        'chunked',
        `POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
      ],
      [
        'more than it announced',
        `POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc${HIDDEN}`,
      ],
    ] as const

    it.each(UPLOADS)('U1 B17 the body (%s) that is still on its way is never executed', async (_, bytes) => {
      for (const form of packetForms(bytes)) {
        const { lines, statuses, problems } = await exchange(subject, form, { timeoutMs: 500 })
        expect({ lines, problems }, form.name).toEqual({
          lines: [bytes.startsWith('GET') ? 'GET /a' : 'POST /a'],
          problems: [],
        })
        expect([[403], []], form.name).toContainEqual(statuses.slice())
      }
    })

    it('B17 the answer reaches a client that is still sending, and the connection does not stay usable in the middle of a body', async () => {
      subject.reset()
      const client = await RawClient.connect(subject.port)
      await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc')
      const { responses, problem } = await client.readResponses()
      expect([problem, responses.map((r) => [r.status, r.body.toString()])]).toEqual([null, [[403, 'no']]])
      await client.send(HIDDEN)
      await client.until(() => client.closed, 200)
      await subject.settle()
      expect(subject.seen.map(({ target }) => target)).toEqual(['/a'])
      expect(client.responses().responses).toHaveLength(1)
      expect([subject.breaches, subject.handler.pending]).toEqual([[], 0])
      await client.destroy()
    })
  })
})
