import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeadlineWheel } from '#src/time/index.js'
import { FakeClock } from './support/fake-clock.js'

const TICK_MS = 50

describe('a wheel', () => {
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
      { numRuns: 600 },
    )
  })
})
