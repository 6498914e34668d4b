import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { SessionTiming } from '#src/session/timing.js'
import { beginNextAttempt, createTiming, totalTimeMs, upstreamLatencyMs } from '#src/session/timing.js'
import { testFilter } from '#src/testing/index.js'
import { turns } from './support.js'

/** The times that are not null, in the order in which they must stand. */
function inOrder(timing: SessionTiming): number[] {
  const { requestStart, upstreamConnect, upstreamRequestSent, upstreamResponseStart, upstreamResponseEnd } =
    timing
  return [
    requestStart,
    upstreamConnect,
    upstreamRequestSent,
    upstreamResponseStart,
    upstreamResponseEnd,
  ].filter((time) => time !== null)
}

function expectOrder(timing: SessionTiming): void {
  const times = inOrder(timing)
  expect(times).toEqual([...times].sort((a, b) => a - b))
  if (timing.responseSent !== null) expect(timing.responseSent).toBeGreaterThanOrEqual(timing.requestStart)
}

describe('the times of a session', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('A-30, A-31, A-32, A-33, A-34, A-35 are all there after a proxied request', async () => {
    const { timing } = (await testFilter([], { upstream: () => ({ body: ['a', 'b'] }) }).request()).session
    expect(inOrder(timing)).toHaveLength(5)
    expect(timing.responseSent).not.toBeNull()
    expectOrder(timing)
  })

  it('A-39 are milliseconds, under six names beside those of former attempts', async () => {
    const startMs = performance.timeOrigin + performance.now()
    const { timing } = (await testFilter([]).request()).session
    const { attempts, ...times } = timing
    expect(Object.keys(times)).toEqual([
      'requestStart',
      'upstreamConnect',
      'upstreamRequestSent',
      'upstreamResponseStart',
      'upstreamResponseEnd',
      'responseSent',
    ])
    expect(attempts).toEqual([])
    for (const time of Object.values(times)) {
      expect(Math.abs((time ?? 0) - startMs)).toBeLessThan(60_000)
    }
  })

  it('A-35 responseSent stays null if the client left before', async () => {
    const control = new AbortController()
    const answer = await testFilter([], {
      upstream: () => ({
        body: (async function* () {
          yield 'x'.repeat(100_000)
          control.abort()
          await turns(1)
        })(),
      }),
    }).request({ signal: control.signal })
    expect(answer.session.timing.responseSent).toBeNull()
    expect(answer.session.timing.upstreamResponseStart).not.toBeNull()
    expect(answer.session.timing.upstreamResponseEnd).toBeNull()
  })

  it('A-36 upstream times are null after a reject, and responseSent is set', async () => {
    const answer = await testFilter({
      name: 'f',
      requestFilter: () => ({ kind: 'reject', status: 403, reason: '' }),
    }).request()
    expect(answer.session.timing).toEqual({
      requestStart: expect.any(Number),
      upstreamConnect: null,
      upstreamRequestSent: null,
      upstreamResponseStart: null,
      upstreamResponseEnd: null,
      responseSent: expect.any(Number),
      attempts: [],
    })
  })

  it('A-37 never decrease, also when the answer comes before the request is out', async () => {
    const early = await testFilter([], {
      upstream: ({ body }) => ({
        early: true,
        // The rest of the request arrives behind the head of the answer.
        body: (async function* () {
          yield await body
        })(),
      }),
    }).request({
      method: 'POST',
      body: (async function* () {
        for (let i = 0; i < 5; i += 1) {
          yield 'x'.repeat(1000)
          await turns(1)
        }
      })(),
    })
    expect(early.body.length).toBe(5000)
    expectOrder(early.session.timing)
  })

  it('A-37 never decrease when the system clock is set back during the run', async () => {
    const real = Date.now
    const starts: number[] = []
    for (let i = 0; i < 5; i += 1) {
      vi.spyOn(Date, 'now').mockImplementation(() => real() - i * 3_600_000)
      const { timing } = (await testFilter([]).request()).session
      expectOrder(timing)
      starts.push(timing.requestStart)
    }
    expect(starts).toEqual([...starts].sort((a, b) => a - b))
  })

  it('A-37 never decrease under random behaviour of all sides', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }),
        fc.boolean(),
        fc.nat(2),
        async (waits, early, failures) => {
          const filter = { name: 'slow', responseFilter: () => turns(waits[0] ?? 0) }
          const kit = testFilter(filter, {
            peers: 4,
            upstream: async ({ body, attempt }) => {
              await turns(waits[1] ?? 0)
              if (attempt <= failures) throw new Error('closed')
              return { early, body: early ? 'x' : await body }
            },
          })
          const answer = await kit.request({ method: 'PUT', body: ['a', 'b', 'c'] })
          expectOrder(answer.session.timing)
          expect(answer.session.timing.attempts).toHaveLength(failures)
          for (const attempt of answer.session.timing.attempts) {
            expectOrder({ ...answer.session.timing, ...attempt })
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('A-40, A-41 give latency and total time, or null', () => {
    const timing = createTiming(100)
    expect([upstreamLatencyMs(timing), totalTimeMs(timing)]).toEqual([null, null])
    timing.upstreamConnect = 110
    expect(upstreamLatencyMs(timing)).toBeNull()
    timing.upstreamResponseEnd = 152.5
    timing.responseSent = 160
    expect([upstreamLatencyMs(timing), totalTimeMs(timing)]).toEqual([42.5, 60])
  })

  it('A-38 the next attempt starts with nulls, and the one before is kept', () => {
    const timing = createTiming(100)
    timing.upstreamConnect = 110
    beginNextAttempt(timing)
    expect(timing.upstreamConnect).toBeNull()
    timing.upstreamConnect = 120
    timing.upstreamRequestSent = 121
    beginNextAttempt(timing)
    expect(timing.attempts.map((attempt) => attempt.upstreamConnect)).toEqual([110, 120])
    expect(timing.requestStart).toBe(100)
  })
})
