import { describe, expect, it } from 'vitest'
import { benchModule } from './bench-module.js'

interface Plan {
  readonly quick: boolean
  readonly rounds: number
  readonly latencyRounds: number
}

interface Scenario {
  readonly name: string
  readonly quick?: boolean
  readonly subjects: readonly string[]
}

const {
  planOf,
  scenarioOf,
  estimateSeconds,
  estimateRest,
  fitted,
  durationText,
  WITHIN_MINUTES,
  LEAST_ROUNDS,
} = (await benchModule('lib/plan.mjs')) as {
  planOf(options: { quick: boolean }): Plan
  scenarioOf(scenario: Scenario, plan: Plan): Scenario
  estimateSeconds(scenario: Scenario, plan: Plan): number
  estimateRest(plan: Plan, micros: number): number
  fitted(plan: Plan, neededSeconds: number, leftSeconds: number): Plan
  durationText(seconds: number): string
  WITHIN_MINUTES: { readonly full: number; readonly quick: number }
  LEAST_ROUNDS: { readonly full: number; readonly quick: number }
}
const { loadScenarios } = (await benchModule('lib/scenarios.mjs')) as { loadScenarios(): readonly Scenario[] }
const { loadsOf } = (await benchModule('lib/suite.mjs')) as {
  loadsOf(
    row: { closed: readonly { perSecond: number; void: readonly string[] }[] },
    options: { shares: readonly number[]; ceilingPerSecond: number },
  ): readonly { label: string; ratePerSecond: number }[]
}

function totalSeconds(quick: boolean): number {
  const plan = planOf({ quick })
  const chosen = loadScenarios().filter((scenario) => !quick || scenario.quick === true)
  const scenarios = chosen.reduce(
    (sum, scenario) => sum + estimateSeconds(scenarioOf(scenario, plan), plan),
    0,
  )
  return scenarios + estimateRest(plan, 15)
}

describe('the plan of a run', () => {
  it('has medians of five and fits into 20 minutes; quick, into 2', () => {
    expect(planOf({ quick: false })).toMatchObject({ rounds: 5, latencyRounds: 5 })
    expect(totalSeconds(false)).toBeLessThan(WITHIN_MINUTES.full * 60)
    expect(WITHIN_MINUTES.full).toBeLessThan(20)
    expect(totalSeconds(true)).toBeLessThan(WITHIN_MINUTES.quick * 60)
    expect(WITHIN_MINUTES.quick).toBeLessThan(2)
  })

  it('takes fewer rounds when the machine is slower than expected, and never fewer than three', () => {
    const plan = planOf({ quick: false })
    expect(fitted(plan, 100, 101)).toBe(plan)
    expect(fitted(plan, 100, 85)).toMatchObject({ rounds: 4, latencyRounds: 4 })
    expect(fitted(plan, 100, -5)).toMatchObject({
      rounds: LEAST_ROUNDS.full,
      latencyRounds: LEAST_ROUNDS.full,
    })
    expect(LEAST_ROUNDS.full).toBe(3)
    expect(fitted(planOf({ quick: true }), 100, 10)).toMatchObject({ rounds: 1, latencyRounds: 1 })
  })

  it('tells times as one reads them', () => {
    expect([durationText(-1), durationText(44.6), durationText(1130)]).toEqual(['0 s', '45 s', '19 min'])
  })
})

describe('the loads of the open loop', () => {
  const round = (perSecond: number, ...reasons: string[]) => ({ perSecond, void: reasons })
  const options = { shares: [0.5, 0.8], ceilingPerSecond: 20_000 }

  it('are shares of the median of the rounds that count', () => {
    const closed = [round(9000), round(1, 'void'), round(10_000), round(11_000)]
    expect(loadsOf({ closed }, options)).toEqual([
      { label: '50', ratePerSecond: 5000 },
      { label: '80', ratePerSecond: 8000 },
    ])
  })

  it('are at most what the generator can offer, which is measured once', () => {
    const limit = { label: 'limit', ratePerSecond: 20_000 }
    expect(loadsOf({ closed: [round(60_000)] }, options)).toEqual([limit])
    expect(loadsOf({ closed: [round(30_000)] }, options)).toEqual([
      { label: '50', ratePerSecond: 15_000 },
      limit,
    ])
  })

  it('are none where nothing was measured', () => {
    expect(loadsOf({ closed: [round(5, 'void')] }, options)).toEqual([])
  })
})
