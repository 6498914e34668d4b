import { describe, expect, it } from 'vitest'
import { Breaker, type BreakerChange, PeerTable, readGuard } from '#src/upstream/index.js'

const CONFIG = { failures: 0, errorShare: 0.5, minRequests: 4, windowMs: 1000, openMs: 500, halfOpen: 1 }

/** Two workers at one breaker, whose time is ours. */
function scene(config: Partial<typeof CONFIG> = {}) {
  const table = new PeerTable({ workers: 2, rows: [1] })
  const time = { ms: 0 }
  const changes: BreakerChange[] = []
  const memory = { ...table.guard(0, 0), epochMs: 0 }
  const make = (worker: number) =>
    new Breaker(
      { ...CONFIG, ...config },
      { ...memory, worker },
      () => time.ms,
      (change) => void changes.push(change),
    )
  return { table, time, changes, one: make(0), two: make(1), stats: () => readGuard(memory, time.ms) }
}

describe('the breaker', () => {
  it('opens for all when the share is reached, over the attempts of all', () => {
    const { one, two, changes } = scene()
    one.passed('free')
    two.passed('free')
    one.failed('free')
    expect(two.enter()).toBe('free')
    two.failed('free')
    expect(changes).toEqual([{ to: 'open', requests: 4, failures: 2 }])
    expect([one.enter(), two.enter()]).toEqual([null, null])
    expect(one.retryAfterMs).toBe(500)
  })

  it('counts failures alone if told so, and only those of the window', () => {
    const { one, time } = scene({ failures: 3, errorShare: 0 })
    one.failed('free')
    one.failed('free')
    time.ms = 1100
    one.failed('free')
    one.failed('free')
    expect(one.enter()).toBe('free')
    one.failed('free')
    expect(one.enter()).toBeNull()
  })

  it('half-open it lets one probe through at a time, and closes after as many as it takes', () => {
    const { one, two, time, changes, stats } = scene({ failures: 1, halfOpen: 2 })
    one.failed('free')
    expect(stats().breaker).toBe('open')
    time.ms = 500
    expect(stats().breaker).toBe('half-open')
    expect([two.enter(), one.enter()]).toEqual(['probe', null])
    two.passed('probe')
    expect([one.enter(), two.enter()]).toEqual(['probe', null])
    one.passed('probe')
    expect([one.enter(), two.enter()]).toEqual(['free', 'free'])
    expect(changes.map(({ to }) => to)).toEqual(['open', 'half-open', 'closed'])
    expect(stats()).toMatchObject({
      breaker: 'closed',
      breakerOpened: 1,
      breakerClosed: 1,
      breakerRejected: 2,
    })
  })

  it('a probe that fails opens it again, one that tells nothing makes way for the next', () => {
    const { one, two, time } = scene({ failures: 1 })
    one.failed('free')
    time.ms = 500
    expect(one.enter()).toBe('probe')
    one.abandoned('probe')
    expect(two.enter()).toBe('probe')
    two.failed('probe')
    expect(one.enter()).toBeNull()
    expect(one.retryAfterMs).toBe(500)
  })

  it('what was before it closed does not open it again', () => {
    const { one, time } = scene({ failures: 2, windowMs: 60_000 })
    one.failed('free')
    one.failed('free')
    time.ms = 500
    expect(one.enter()).toBe('probe')
    one.passed('probe')
    time.ms = 7000
    one.failed('free')
    expect(one.enter()).toBe('free')
  })

  it('the probe of a worker that dies is given back, and so are its places', () => {
    const { one, two, time, table, stats } = scene({ failures: 1 })
    two.failed('free')
    time.ms = 500
    expect(two.enter()).toBe('probe')
    expect(one.enter()).toBeNull()
    const { words, shares, shareStride } = table.guard(0, 1)
    Atomics.store(words, shares + shareStride, 3)
    expect(stats().active).toBe(3)
    table.releaseWorker(1)
    expect(stats().active).toBe(0)
    expect(one.enter()).toBe('probe')
  })
})
