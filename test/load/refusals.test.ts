import { expect, it } from 'vitest'
import { refusalsOf } from '#src/load/refusals.js'

const WELL = { cpuShare: 0.3, loopBusy: 0.4, lateP99Us: 200, lateMaxUs: 900, niceness: 0 }

it('a generator that is neither busy nor late may report', () => {
  expect(refusalsOf(WELL, 5000)).toEqual([])
})

it('more than 80 % of a core is refused', () => {
  expect(refusalsOf({ ...WELL, cpuShare: 0.8 }, 5000)).toEqual([])
  expect(refusalsOf({ ...WELL, cpuShare: 0.81 }, 5000)).toEqual([
    'the generator used 81 % of a core, more than 80 %',
  ])
})

it('own lateness is refused beyond 1 ms, unless it is small beside what was measured', () => {
  expect(refusalsOf({ ...WELL, lateP99Us: 1500 }, 3000)).toEqual([
    'the generator was late itself: 99th percentile 1.5 ms, allowed 1.0 ms',
  ])
  expect(refusalsOf({ ...WELL, lateP99Us: 1500 }, 1_200_000)).toEqual([])
})
