import { describe, expect, it } from 'vitest'
import { type Deadline, DeadlineWheel } from '#src/time/index.js'
import { collectGarbage } from '../support/collect-garbage.js'
import { FakeClock } from './support/fake-clock.js'

const TICK_MS = 50

/** Fires a deadline that is armed `phaseMs` after the wheel's interval began. @returns how late it was, ms */
function latenessMs(delayMs: number, phaseMs: number, buckets = 512): number {
  const clock = new FakeClock()
  const wheel = new DeadlineWheel({ tickMs: TICK_MS, buckets, clock })
  wheel.arm(
    wheel.create(() => undefined),
    10_000_000,
  )
  clock.advance(phaseMs)
  const armedMs = clock.nowMs
  let firedMs = -1
  wheel.arm(
    wheel.create(() => {
      firedMs = clock.nowMs
    }),
    delayMs,
  )
  clock.advance(delayMs + 10 * TICK_MS)
  return firedMs - armedMs - delayMs
}

describe('a deadline', () => {
  it('is never early and less than two ticks late, at most one if it is a whole number of ticks', () => {
    for (const delayMs of [1, 20, 49, 50, 51, 99, 100, 150, 1000, 1001]) {
      for (let phaseMs = 0; phaseMs <= 2 * TICK_MS; phaseMs += 1) {
        const late = latenessMs(delayMs, phaseMs)
        expect(late).toBeGreaterThanOrEqual(0)
        expect(late).toBeLessThan(2 * TICK_MS)
        if (delayMs % TICK_MS === 0) expect(late).toBeLessThanOrEqual(TICK_MS)
      }
    }
  })

  it('may lie many rounds of the wheel ahead', () => {
    for (const rounds of [1, 2, 7, 100]) {
      for (const off of [-TICK_MS, -1, 0, 1, TICK_MS]) {
        const late = latenessMs(rounds * 8 * TICK_MS + off, 17, 8)
        expect(late).toBeGreaterThanOrEqual(0)
        expect(late).toBeLessThan(2 * TICK_MS)
      }
    }
  })

  it('that never comes does not fire', () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, buckets: 8, clock })
    let fired = 0
    wheel.arm(
      wheel.create(() => {
        fired += 1
      }),
      Number.POSITIVE_INFINITY,
    )
    clock.advance(1_000_000)
    expect(fired).toBe(0)
    expect(wheel.size).toBe(1)
  })

  it('fires once, and can be armed again afterwards and from its own callback', () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, clock })
    const firedAtMs: number[] = []
    const deadline: Deadline = wheel.create(() => {
      firedAtMs.push(clock.nowMs)
      if (firedAtMs.length === 1) wheel.arm(deadline, 100)
    })
    wheel.arm(deadline, 100)
    clock.advance(2000)
    expect(firedAtMs).toEqual([150, 300])
    expect(wheel.size).toBe(0)
    wheel.arm(deadline, 100)
    clock.advance(2000)
    expect(firedAtMs).toHaveLength(3)
  })

  it('that is cleared by a callback of the same tick does not fire any more', () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, clock })
    const fired: string[] = []
    const second = wheel.create(() => fired.push('second'))
    wheel.arm(
      wheel.create(() => {
        fired.push('first')
        wheel.clear(second)
      }),
      100,
    )
    wheel.arm(second, 100)
    wheel.arm(
      wheel.create(() => fired.push('third')),
      100,
    )
    clock.advance(1000)
    expect(fired).toEqual(['first', 'third'])
  })

  it('that is put off by a callback of the same tick fires later', () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, clock })
    let firedMs = -1
    const second = wheel.create(() => {
      firedMs = clock.nowMs
    })
    wheel.arm(
      wheel.create(() => wheel.arm(second, 500)),
      100,
    )
    wheel.arm(second, 100)
    clock.advance(2000)
    expect(firedMs).toBe(150 + 550)
  })
})

describe('a wheel', () => {
  it('runs its interval only while something is armed', () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, clock })
    expect(clock.running).toBe(0)
    const deadlines = [100, 200, 60_000].map((delayMs) => {
      const deadline = wheel.create(() => undefined)
      wheel.arm(deadline, delayMs)
      return deadline
    })
    expect(clock.running).toBe(1)
    clock.advance(1000)
    expect(wheel.size).toBe(1)
    expect(clock.running).toBe(1)
    for (const deadline of deadlines) wheel.clear(deadline)
    expect(wheel.size).toBe(0)
    clock.advance(TICK_MS)
    expect(clock.running).toBe(0)
    let fired = 0
    wheel.arm(
      wheel.create(() => {
        fired += 1
      }),
      100,
    )
    expect(clock.running).toBe(1)
    clock.advance(200)
    expect(fired).toBe(1)
    expect(clock.running).toBe(0)
  })

  it('fires nothing after it was closed, also when one of its callbacks closes it', () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, clock })
    const fired: string[] = []
    wheel.arm(
      wheel.create(() => {
        fired.push('first')
        wheel.close()
      }),
      100,
    )
    wheel.arm(
      wheel.create(() => fired.push('second')),
      100,
    )
    wheel.arm(
      wheel.create(() => fired.push('third')),
      5000,
    )
    clock.advance(10_000)
    expect(fired).toEqual(['first'])
    expect(wheel.size).toBe(0)
    expect(clock.running).toBe(0)
  })

  it('holds nothing of a deadline that was cleared, so that an ended session can be freed long before its deadline', async () => {
    const clock = new FakeClock()
    const wheel = new DeadlineWheel({ tickMs: TICK_MS, clock })
    wheel.arm(
      wheel.create(() => undefined),
      60_000,
    )
    const session = ((): WeakRef<object> => {
      const held = { body: new Uint8Array(1000) }
      const deadline = wheel.create(() => held.body.fill(1))
      wheel.arm(deadline, 60_000)
      wheel.clear(deadline)
      return new WeakRef(held)
    })()
    expect(wheel.size).toBe(1)
    // A WeakRef holds its target until the end of the turn in which it was made.
    await new Promise((resolve) => setImmediate(resolve))
    await collectGarbage()
    expect(session.deref()).toBeUndefined()
  })
})
