import { describe, expect, it } from 'vitest'
import { REFUSALS } from '#src/acceptor/guard/index.js'
import type { Downstream } from '#src/acceptor/types.js'
import { PULSE_MS } from '#src/acceptor/uws/exchange-host.js'
import { ACCEPTOR_KINDS, type AcceptorUnderTest, withClient } from '../support/acceptor-under-test.js'
import { pattern, piecesOf } from '../support/application.js'
import { conserved } from '../support/conservation.js'

conserved()

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n'
const LARGE_BYTES = 24 * 1024 * 1024

function stream(subject: AcceptorUnderTest | null, exchange: Downstream, bytes: Buffer): void {
  subject?.handler.give(exchange, {
    status: 200,
    statusText: 'OK',
    headerBlock: '',
    body: { kind: 'stream', contentLength: bytes.length, pieces: piecesOf(bytes), trailerBlock: '' },
  })
}

describe.each(ACCEPTOR_KINDS)('a streamed answer over %s', (kind) => {
  it.each([
    ['keeps the connection', '', 2],
    ['closes it for a client that wants that', 'Connection: close\r\n', 1],
    ['closes it for one that wants that and more', 'Connection: close, x-a\r\n', 1],
  ])('whose first piece is all of it arrives whole and %s', async (_, fields, answers) => {
    const application = (given: Downstream): void => {
      given.writeHead(200, 'OK', '', 5)
      given.write(Buffer.from('whole'))
      given.end('')
    }
    await withClient(kind, { application }, async (client, subject) => {
      await client.send(`${GET}${fields}\r\n`)
      await client.readResponses()
      await client.send(`${GET}\r\n`)
      const { responses, problem } = await client.readResponses(answers)
      expect(problem).toBeNull()
      expect(responses.map(({ body }) => body.toString())).toEqual(Array(answers).fill('whole'))
      if (answers === 1) expect(await client.untilClosed()).toBe(true)
      expect(subject.handler.finished).toBe(answers)
    })
  })

  it('B3 ends with its connection when the upload, which it did not wait for, stops coming', async () => {
    const application = (given: Downstream): void => {
      given.writeHead(200, 'OK', '', null)
      given.write(Buffer.from('begun'))
    }
    const options = { answerTime: 'early', application, timeouts: { bodyMs: 200 } } as const
    await withClient(kind, options, async (client, subject) => {
      await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc')
      expect(await client.untilClosed()).toBe(true)
      // What has begun cannot become a 408, and must not look whole.
      expect(client.text).toMatch(/^HTTP\/1\.1 200 /)
      expect(client.text).toContain('begun')
      expect(client.text).not.toContain('\r\n0\r\n\r\n')
      expect(subject.refusals).toEqual([REFUSALS.bodyTimeout])
      expect([subject.handler.finished, subject.handler.aborted]).toEqual([0, 1])
    })
  })

  it('goes on to a slow reader whose upload is held back, let go and held back again meanwhile', async () => {
    const large = pattern(LARGE_BYTES)
    let running: AcceptorUnderTest | null = null as AcceptorUnderTest | null
    let given: Downstream | null = null as Downstream | null
    const application = (exchange: Downstream): void => {
      given = exchange
      stream(running, exchange, large)
    }
    await withClient(kind, { answerTime: 'early', application }, async (client, subject) => {
      running = subject
      client.pauseReading()
      await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc')
      expect(await subject.until(() => subject.handler.stalls > 0)).toBe(true)
      given?.pauseBody()
      given?.resumeBody()
      given?.pauseBody()
      given?.resumeBody()
      await client.send('x'.repeat(997))
      expect(await subject.until(() => subject.seen[0]?.state === 'complete')).toBe(true)
      client.resumeReading()
      const { responses } = await client.readResponses(1, [], 20_000)
      expect(responses.map((r) => [r.complete, r.body.equals(large)])).toEqual([[true, true]])
    })
  })
})

it('B4 a streamed answer over uws is given up on for a reader that takes nothing, at the deadline and not by a timer of uWS', async () => {
  const large = pattern(LARGE_BYTES)
  let running: AcceptorUnderTest | null = null as AcceptorUnderTest | null
  const application = (exchange: Downstream): void => stream(running, exchange, large)
  // Longer than the pulse with which the timer of uWS is set back.
  await withClient('uws', { application, timeouts: { writeMs: PULSE_MS + 300 } }, async (client, subject) => {
    running = subject
    client.pauseReading()
    await client.send(`${GET}\r\n`)
    expect(await subject.until(() => subject.handler.stalls > 0)).toBe(true)
    const from = performance.now()
    expect(await subject.until(() => subject.handler.aborted > 0, 10_000)).toBe(true)
    expect(performance.now() - from).toBeGreaterThan(PULSE_MS)
    client.resumeReading()
    expect(await client.untilClosed()).toBe(true)
    expect(client.receivedBytes).toBeLessThan(large.length)
  })
})
