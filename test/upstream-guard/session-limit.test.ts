import { describe, expect, it } from 'vitest'
import { DeadlineWheel } from '#src/time/index.js'
import { PeerTable, readGuard, SessionLimit } from '#src/upstream/index.js'

/** Two workers at one limit, with one clock that is ours. */
function scene(maxConnections: number, maxPending = 10) {
  const table = new PeerTable({ workers: 2, rows: [1] })
  const ticks = new Set<() => void>()
  const clock = {
    every: (_intervalMs: number, tick: () => void) => {
      ticks.add(tick)
      return () => void ticks.delete(tick)
    },
  }
  const wheel = new DeadlineWheel({ tickMs: 5, clock })
  const config = { maxConnections, maxPending, pendingMs: 100 }
  const make = (worker: number) => new SessionLimit(config, table.guard(0, worker), () => wheel)
  const pass = (ms: number) => {
    for (let at = 0; at < ms; at += 5) for (const tick of [...ticks]) tick()
  }
  return { one: make(0), two: make(1), pass, table, stats: () => readGuard(table.guard(0, 0), 0) }
}

describe('the limit of an upstream', () => {
  it('holds over all workers, and who waits is served in order', async () => {
    const { one, two, stats } = scene(2)
    expect([one.tryAcquire(), two.tryAcquire(), one.tryAcquire()]).toEqual([true, true, false])
    const served: string[] = []
    for (const name of ['a', 'b'])
      one.wait(
        () => void (one.tryAcquire() && served.push(name)),
        () => undefined,
      )
    one.release()
    // Whoever comes now does not overtake.
    expect(one.tryAcquire()).toBe(false)
    await Promise.resolve()
    expect(served).toEqual(['a'])
    one.release()
    await Promise.resolve()
    expect(served).toEqual(['a', 'b'])
    expect(stats()).toMatchObject({ active: 2, pending: 0 })
  })

  it('a place that another worker gives back is found, and one that nobody takes is not lost', () => {
    const { one, two, pass, stats } = scene(1)
    expect(two.tryAcquire()).toBe(true)
    let called = 0
    one.wait(
      () => {
        called += 1
      },
      () => undefined,
    )
    two.release()
    pass(20)
    expect(called).toBe(1)
    expect(stats()).toMatchObject({ active: 0, pending: 0 })
  })

  it('refuses when as many wait as may over all workers, and when the wait is over', () => {
    const { one, two, pass, stats } = scene(1, 1)
    one.tryAcquire()
    let expired = 0
    expect(
      one.wait(
        () => undefined,
        () => {
          expired += 1
        },
      ),
    ).not.toBeNull()
    expect(
      two.wait(
        () => undefined,
        () => undefined,
      ),
    ).toBeNull()
    pass(120)
    expect(expired).toBe(1)
    expect(stats()).toMatchObject({ active: 1, pending: 0, limitRejected: 2 })
  })

  it('what a worker held that died is given back to those who wait', () => {
    const { one, two, pass, table } = scene(1)
    two.tryAcquire()
    let called = 0
    one.wait(
      () => {
        called += 1
      },
      () => undefined,
    )
    pass(20)
    expect(called).toBe(0)
    table.releaseWorker(1)
    pass(20)
    expect(called).toBe(1)
  })
})
