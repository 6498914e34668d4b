import { describe, expect, it, vi } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import {
  ACCEPTOR_KINDS,
  type AcceptorKind,
  AcceptorUnderTest,
  type AcceptorUnderTestOptions,
} from '../support/acceptor-under-test.js'
import { pattern, piecesOf } from '../support/application.js'
import { conserved } from '../support/conservation.js'
import { RawClient } from '../support/raw-client.js'

conserved()

// These tests wait nearly all the time: all of them wait together.
vi.setConfig({ maxConcurrency: 30 })

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const TIMEOUTS = { idleMs: 1_500, bodyMs: 2_000, writeMs: 1_500 }
/** Made before the clock of any test runs: more than two socket buffers of loopback hold. */
const LARGE = pattern(24 * 1024 * 1024)
/** The deadline and the coarse timer of uWS (4 s), with room for a busy machine. */
const BOUND_MS = 13_000
/** Well below every deadline above. */
const NOT_BEFORE_MS = 700
const DRIP_MS = 250

/** Sends one piece after the other, a fixed time apart, until the server closes: a slow client is the stimulus. */
async function drip(client: RawClient, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (client.closed) return
    await client.send(piece)
    await client.until(() => client.closed, DRIP_MS)
  }
}

async function withSubject(
  kind: AcceptorKind,
  options: AcceptorUnderTestOptions,
  body: (subject: AcceptorUnderTest, client: RawClient) => Promise<void>,
): Promise<void> {
  const subject = await AcceptorUnderTest.start(kind, { timeouts: TIMEOUTS, ...options })
  const client = await RawClient.connect(subject.port)
  try {
    await body(subject, client)
    expect(subject.breaches).toEqual([])
  } finally {
    await client.destroy()
    await subject.close()
  }
}

/** Waits for the close and gives the time it took, ms. */
async function closedAfter(client: RawClient): Promise<number> {
  const from = performance.now()
  expect(await client.untilClosed(BOUND_MS)).toBe(true)
  return performance.now() - from
}

describe.each(ACCEPTOR_KINDS)('deadlines over %s', { concurrent: true, timeout: 30_000 }, (kind) => {
  it('U13 a connection that sends nothing is closed', async () => {
    await withSubject(kind, {}, async (subject, client) => {
      expect(await closedAfter(client)).toBeGreaterThan(NOT_BEFORE_MS)
      expect(subject.seen).toEqual([])
    })
  })

  it('U13 an idle connection is closed after an answer, without a word', async () => {
    await withSubject(kind, {}, async (subject, client) => {
      await client.send(GET)
      expect((await client.readResponses()).responses.map((r) => r.status)).toEqual([200])
      expect(await closedAfter(client)).toBeGreaterThan(NOT_BEFORE_MS)
      const { responses, problem } = client.responses()
      expect([responses.length, problem, subject.seen.length]).toEqual([1, null, 1])
    })
  })

  it('U13 B6 a head that stops in the middle is closed, with nothing but 408', async () => {
    await withSubject(kind, {}, async (subject, client) => {
      await client.send('GET /a HTTP/1.1\r\nHost: a\r\nX: ')
      expect(await closedAfter(client)).toBeGreaterThan(NOT_BEFORE_MS)
      expect(client.responses().responses.filter(({ status }) => status !== 408)).toEqual([])
      expect(subject.seen).toEqual([])
    })
  })

  it('U13 B6 a head that drips in byte by byte is closed all the same', async () => {
    await withSubject(kind, {}, async (subject, client) => {
      const from = performance.now()
      await drip(client, `GET /a HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(60)}`)
      expect(await client.untilClosed(BOUND_MS)).toBe(true)
      expect(performance.now() - from).toBeLessThan(BOUND_MS)
      expect(subject.seen).toEqual([])
    })
  })

  it.each([
    ['known length', 'Content-Length: 10\r\n\r\nhello'],
    ['chunked, inside a chunk', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhel'],
    ['chunked, inside a size', 'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1'],
  ])('U13 B6 a body (%s) that stops is closed with 408, and reported as aborted', async (_, rest) => {
    await withSubject(kind, {}, async (subject, client) => {
      await client.send(`POST /a HTTP/1.1\r\nHost: a\r\n${rest}`)
      expect(await closedAfter(client)).toBeGreaterThan(NOT_BEFORE_MS)
      expect(client.responses().responses.map(({ status }) => status)).toEqual([408])
      expect(subject.seen.map(({ state }) => state)).toEqual(['aborted'])
      expect(subject.handler.pending).toBe(0)
    })
  })

  it('a body that comes slowly, but comes, is read to its end', async () => {
    // Longer than the others' deadline: a busy machine may stop the client itself for two seconds.
    const timeouts = { ...TIMEOUTS, bodyMs: 4_000 }
    await withSubject(kind, { timeouts }, async (subject, client) => {
      const body = '0123456789abcdefgh'
      await client.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`)
      await drip(client, body)
      const { responses } = await client.readResponses()
      expect(responses.map((r) => [r.status, r.body.toString()])).toEqual([[200, body]])
      expect(subject.handler.finished).toBe(1)
    })
  })

  it('an application that thinks longer than any deadline can still answer', async () => {
    const held: Downstream[] = []
    await withSubject(kind, { application: (given) => void held.push(given) }, async (subject, client) => {
      await client.send(GET)
      expect(await subject.until(() => held.length === 1)).toBe(true)
      expect(await client.untilClosed(3 * TIMEOUTS.idleMs)).toBe(false)
      held[0]?.respond(200, 'OK', '', Buffer.from('late'), 4)
      expect((await client.readResponses()).responses.map((r) => r.body.toString())).toEqual(['late'])
    })
  })

  it('a request body that the owner holds back has no deadline', async () => {
    const held: Downstream[] = []
    const application = (given: Downstream): void => {
      given.pauseBody()
      held.push(given)
    }
    await withSubject(kind, { application, answerTime: 'early' }, async (subject, client) => {
      await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n')
      expect(await subject.until(() => held.length === 1)).toBe(true)
      await client.send('hello')
      expect(await client.untilClosed(2 * TIMEOUTS.bodyMs)).toBe(false)
      held[0]?.resumeBody()
      await client.send('world')
      expect(await subject.until(() => subject.seen[0]?.state === 'complete')).toBe(true)
      held[0]?.respond(200, 'OK', '', Buffer.from('done'), 4)
      expect((await client.readResponses()).responses.map((r) => r.body.toString())).toEqual(['done'])
    })
  })

  it.each(['known', 'chunked'])(
    'U13 B6 a reader that stalls in a %s answer is closed and reported as aborted',
    async (framing) => {
      const subject = await AcceptorUnderTest.start(kind, {
        timeouts: TIMEOUTS,
        application: (given) =>
          subject.handler.give(given, {
            status: 200,
            statusText: 'OK',
            headerBlock: '',
            body: {
              kind: 'stream',
              contentLength: framing === 'known' ? LARGE.length : null,
              pieces: piecesOf(LARGE),
              trailerBlock: '',
            },
          }),
      })
      const client = await RawClient.connect(subject.port)
      try {
        client.pauseReading()
        await client.send(GET)
        const from = performance.now()
        expect(await subject.until(() => subject.handler.aborted === 1, BOUND_MS)).toBe(true)
        expect(performance.now() - from).toBeGreaterThan(NOT_BEFORE_MS)
        client.resumeReading()
        expect(await client.untilClosed()).toBe(true)
        expect(client.responses().responses.filter(({ complete }) => complete)).toEqual([])
        expect([subject.handler.finished, subject.handler.pending, subject.breaches]).toEqual([0, 0, []])
      } finally {
        await client.destroy()
        await subject.close()
      }
    },
  )

  it('B6 a large answer at once to a reader that stalls is closed as well', async () => {
    const application = (given: Downstream): void => given.respond(200, 'OK', '', LARGE, LARGE.length)
    await withSubject(kind, { application }, async (subject, client) => {
      client.pauseReading()
      await client.send(GET)
      expect(await subject.until(() => subject.handler.aborted === 1, BOUND_MS)).toBe(true)
      expect([subject.handler.finished, subject.handler.pending]).toEqual([0, 0])
    })
  })
})
