import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Deadline, DeadlineWheel, type WheelClock } from '#src/time/index.js'

const TICK_MS = 50

/** Time that passes when a test says so; ticks come every interval from the start of their timer. */
class FakeClock implements WheelClock {
  nowMs = 0
  readonly #timers = new Set<{ nextMs: number; readonly intervalMs: number; readonly tick: () => void }>()

  get running(): number {
    return this.#timers.size
  }

  every(intervalMs: number, tick: () => void): () => void {
    const timer = { nextMs: this.nowMs + intervalMs, intervalMs, tick }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.nextMs - b.nextMs)
      if (next === undefined || next.nextMs > untilMs) break
      this.nowMs = next.nextMs
      next.nextMs += next.intervalMs
      next.tick()
    }
    this.nowMs = untilMs
  }
}

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

  it('holds nothing of a deadline that was cleared, so that an ended session can be freed long before its deadline', () => {
    setFlagsFromString('--expose-gc')
    const collectGarbage: () => void = runInNewContext('gc')
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
    collectGarbage()
    expect(wheel.size).toBe(1)
    // A WeakRef holds its target until the end of the turn in which it was made.
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      collectGarbage()
      expect(session.deref()).toBeUndefined()
    })
  })

  type Step =
    | { readonly do: 'arm'; readonly which: number; readonly delayMs: number }
    | { readonly do: 'clear'; readonly which: number }
    | { readonly do: 'advance'; readonly ms: number }
  const which = fc.nat(5)
  const delayMs = fc.oneof(fc.nat(300), fc.nat(3000), fc.constantFrom(0, 50, 100, 400, 350, 800))
  const arm = fc.record({ do: fc.constant('arm' as const), which, delayMs })
  const clear = fc.record({ do: fc.constant('clear' as const), which })
  const advance = fc.record({ do: fc.constant('advance' as const), ms: fc.oneof(fc.nat(60), fc.nat(1000)) })
  const step: fc.Arbitrary<Step> = fc.oneof({ arbitrary: arm, weight: 3 }, clear, {
    arbitrary: advance,
    weight: 2,
  })
  /** What a deadline does when it fires. */
  const reaction = fc.option(fc.oneof(arm, clear))

  it('does the same as a list of times, whatever is armed, put off, brought forward and cleared, also by callbacks', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.array(reaction, { minLength: 6, maxLength: 6 }),
        fc.constantFrom(2, 8, 64),
        (steps, reactions, buckets) => {
          const clock = new FakeClock()
          const wheel = new DeadlineWheel({ tickMs: TICK_MS, buckets, clock })
          const model = new Map<number, { readonly atMs: number }>()
          const problems: string[] = []
          let reactionsLeft = 40
          const run = (current: Step): void => {
            if (current.do === 'advance') clock.advance(current.ms)
            else {
              const deadline = deadlines[current.which]
              if (deadline === undefined) return
              if (current.do === 'arm') {
                wheel.arm(deadline, current.delayMs)
                model.set(current.which, { atMs: clock.nowMs + current.delayMs })
              } else {
                wheel.clear(deadline)
                model.delete(current.which)
              }
            }
          }
          const deadlines = reactions.map((react, i) =>
            wheel.create(() => {
              const expected = model.get(i)
              if (expected === undefined) problems.push(`${i} fired though it was not armed`)
              else if (clock.nowMs < expected.atMs) problems.push(`${i} fired early`)
              else if (clock.nowMs > expected.atMs + 2 * TICK_MS) problems.push(`${i} fired late`)
              model.delete(i)
              reactionsLeft -= 1
              if (react !== null && reactionsLeft > 0) run(react)
            }),
          )
          const check = (): void => {
            for (const [i, { atMs }] of model) {
              if (clock.nowMs > atMs + 2 * TICK_MS) problems.push(`${i} did not fire`)
            }
            expect(problems).toEqual([])
            expect(wheel.size).toBe(model.size)
          }
          for (const current of steps) {
            run(current)
            check()
          }
          clock.advance(40 * 4000)
          check()
          expect(model.size).toBe(0)
          clock.advance(TICK_MS)
          expect(clock.running).toBe(0)
        },
      ),
      { numRuns: 1500 },
    )
  })
})

describe('the real interval', () => {
  it('fires in the order of the delays and not early', async () => {
    const wheel = new DeadlineWheel({ tickMs: 5 })
    const startMs = performance.now()
    const fired: { readonly delayMs: number; readonly afterMs: number }[] = []
    await new Promise<void>((resolve) => {
      // The interval is unreferenced; a test must not end for that.
      const keepAlive = setInterval(() => undefined, 1000)
      for (const delayMs of [60, 10, 30]) {
        wheel.arm(
          wheel.create(() => {
            fired.push({ delayMs, afterMs: performance.now() - startMs })
            if (fired.length < 3) return
            clearInterval(keepAlive)
            resolve()
          }),
          delayMs,
        )
      }
    })
    expect(fired.map(({ delayMs }) => delayMs)).toEqual([10, 30, 60])
    for (const { delayMs, afterMs } of fired) expect(afterMs).toBeGreaterThanOrEqual(delayMs)
    wheel.close()
  })

  it('does not keep a process alive', async () => {
    const code =
      "import { DeadlineWheel } from '#src/time/index.js'; const wheel = new DeadlineWheel();" +
      "wheel.arm(wheel.create(() => console.log('fired')), 3_600_000); console.log('armed')"
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
    expect(stdout).toBe('armed\n')
  })
})
