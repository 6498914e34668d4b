import { describe, expect, it } from 'vitest'
import { AdGauges, type BudgetGauge } from '#src/telemetry/index.js'

const PLAN = {
  routes: [
    { route: 'one', store: 'lmdb', campaigns: ['a', 'b'] },
    { route: 'two', store: 'redis', campaigns: [] },
    { route: 'three', store: 'lmdb', campaigns: ['a'] },
  ],
}
const MONEY: BudgetGauge = { spentMicros: 1, heldMicros: 2, limitMicros: null, open: 3, currency: 'EUR' }

describe('AdGauges', () => {
  it('C-25 tells of each campaign what was written last, by whichever worker, over the same memory', () => {
    const gauges = new AdGauges(PLAN, 2)
    const other = new AdGauges(PLAN, 2, gauges.buffer)
    expect(gauges.budgets()).toEqual([])
    const first = gauges.writer(0, 0)
    const second = other.writer(1, 0)
    expect([first.isStale(1, 1000, 50), first.campaigns]).toEqual([true, ['a', 'b']])
    first.write(1, 1000, { ...MONEY, spentMicros: 7 })
    second.write(1, 1001, MONEY)
    other.writer(1, 2).write(0, 5, { ...MONEY, limitMicros: 0, currency: 'USD' })
    expect([first.isStale(1, 1050, 50), first.isStale(1, 1051, 50), first.isStale(0, 1050, 50)]).toEqual([
      false,
      true,
      true,
    ])
    expect(gauges.budgets()).toEqual([
      { ...MONEY, route: 'one', campaign: 'b' },
      { ...MONEY, route: 'three', campaign: 'a', limitMicros: 0, currency: 'USD' },
    ])
  })

  it('a store is degraded while one worker of one route says so, and not once that worker is gone', () => {
    const gauges = new AdGauges(PLAN, 2)
    const found = (): unknown => Object.fromEntries(gauges.degraded())
    gauges.writer(0, 0).setDegraded(false)
    gauges.writer(1, 2).setDegraded(true)
    expect(found()).toEqual({ lmdb: true, redis: false })
    gauges.release(0)
    expect(found()).toEqual({ lmdb: true, redis: false })
    gauges.release(1)
    expect(found()).toEqual({ lmdb: false, redis: false })
  })
})
