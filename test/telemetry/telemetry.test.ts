import { describe, expect, it } from 'vitest'
import {
  AnswerCounts,
  CLIENT_LEFT,
  captureCpuProfile,
  RecentErrors,
  watchThread,
} from '#src/telemetry/index.js'

describe('answers by route, method and status', () => {
  it('have labels from closed sets only, whatever clients and upstreams invent', () => {
    const counts = new AnswerCounts(2)
    counts.add(0, 'GET', 200)
    counts.add(0, 'GET', 200)
    counts.add(1, 'BREW', 418)
    counts.add(1, 'POST', 999)
    counts.add(1, 'POST', CLIENT_LEFT)
    counts.add(-1, 'GET', 404)
    const seen: unknown[] = []
    new AnswerCounts(2, counts.buffer).forEach((...cell) => void seen.push(cell))
    expect(seen).toEqual([
      [0, 'GET', 200, 2],
      [1, 'POST', 499, 1],
      [1, 'POST', null, 1],
      [1, '_OTHER', 418, 1],
      [-1, 'GET', 404, 1],
    ])
    expect(counts.totals()).toEqual([
      { requests: 2, serverErrors: 0, clientErrors: 0 },
      { requests: 3, serverErrors: 1, clientErrors: 1 },
      { requests: 1, serverErrors: 0, clientErrors: 1 },
    ])
  })
})

describe('the last errors', () => {
  it('are the newest of all writers, newest first, also when a writer begins anew', () => {
    const errors = new RecentErrors(2)
    const error = { route: 0, status: 502, reason: 'connection_refused' } as const
    for (let n = 1; n <= 40; n += 1) errors.row(0).add({ ...error, timeMs: n, requestId: `req-${n}` })
    errors.row(1).add({ ...error, timeMs: 39.5, reason: 'dns_error', requestId: 'x'.repeat(100) })
    const latest = new RecentErrors(2, errors.buffer).latest(4)
    expect(latest.map(({ timeMs }) => timeMs)).toEqual([40, 39.5, 39, 38])
    expect(latest[0]).toEqual({ ...error, timeMs: 40, requestId: 'req-40' })
    expect(latest[1]).toMatchObject({ reason: 'dns_error', requestId: 'x'.repeat(64) })
    expect(errors.latest(1000)).toHaveLength(33)
  })
})

describe('a thread', () => {
  it('tells of its event loop once a second', async () => {
    const load = await new Promise<{ utilization: number; delayMs: number; heapBytes: number }>((resolve) => {
      const stop = watchThread((told) => {
        stop()
        resolve(told)
      })
      // Keeps the loop busy and late once.
      setTimeout(() => {
        const untilMs = performance.now() + 300
        while (performance.now() < untilMs);
      }, 50)
    })
    expect(load.delayMs).toBeGreaterThan(100)
    expect(load.utilization).toBeGreaterThan(0.1)
    expect(load.utilization).toBeLessThanOrEqual(1)
    expect(load.heapBytes).toBeGreaterThan(1_000_000)
  })

  it('can be profiled, once at a time', async () => {
    const first = captureCpuProfile(100)
    await expect(captureCpuProfile(100)).rejects.toMatchObject({ name: 'ProfileInProgress' })
    const profile = JSON.parse(await first)
    expect(profile.nodes.length).toBeGreaterThan(0)
    expect(profile.endTime - profile.startTime).toBeGreaterThan(90_000)
  })
})
