import { describe, expect, it } from 'vitest'
import { type AdResult, type AdTerms, Money, priceOfCpmMicros, type UpstreamSession } from '#src/ads/index.js'
import { contextOf, EVENTS, NO_AD, setUp } from './setup.js'

const call = { context: contextOf('alice'), campaignId: 'c1' }

/** A bid of a CPM in micros; `told` hears whether it was handed on. */
function bid(cpmMicros: bigint, told: boolean[] = [], more: AdTerms = {}, currency = 'USD'): AdResult {
  return {
    kind: 'fill',
    ad: { id: 'bid-ad' },
    terms: { price: priceOfCpmMicros(cpmMicros, currency), ...more },
    decided: (isServed) => void told.push(isServed),
  }
}

function policy(budget: string | null, more: object = {}) {
  const campaign = { caps: [], priceFrom: 'bid' as const, ...more }
  return { campaigns: { c1: budget === null ? campaign : { ...campaign, budget: Money.parse(budget) } } }
}

async function money(session: UpstreamSession): Promise<string[]> {
  const { spent, held } = await session.budget('c1')
  return [spent.toString(), held.toDecimal()]
}

describe('price of an impression from its bid', () => {
  it('F-31, C-08 the bid is charged to a thousandth of a micro, not the CPM of the campaign', async () => {
    const { session, upstream } = setUp(policy('0.01', { cpm: Money.parse('100') }))
    upstream.answer = () => bid(1_000_001n)
    for (let time = 0; time < 9; time += 1) expect((await session.serve(call)).result.kind).toBe('fill')
    // 9 × 1000.001 micros; a tenth would be 0.01000001.
    expect(await money(session)).toEqual(['0.009 USD', '0.00'])
    await expect(session.serve(call)).rejects.toMatchObject({ name: 'BudgetExceeded', reason: 'exhausted' })
    upstream.answer = () => bid(999_991n)
    expect((await session.serve(call)).price).toEqual({
      amount: { micros: 999, nanos: 991 },
      currency: 'USD',
    })
    expect(await money(session)).toEqual(['0.01 USD', '0.00'])
  })

  it('F-10 the bid is held after the answer, and committed or given back by the events of its token', async () => {
    const { session, upstream } = setUp({ ...policy('1.00'), events: EVENTS })
    upstream.answer = () => bid(2_500_000n)
    const first = await session.serve(call)
    const second = await session.serve(call)
    expect(await money(session)).toEqual(['0.00 USD', '0.005'])
    expect(await session.commitEvent(first.token('impression') ?? '')).toMatchObject({
      status: 'counted',
      charged: { amount: { micros: 2500, nanos: 0 }, currency: 'USD' },
    })
    expect(await session.commitEvent(first.token('impression') ?? '')).toMatchObject({ status: 'duplicate' })
    expect(await session.commitEvent(second.token('notUsed') ?? '')).toMatchObject({ status: 'released' })
    expect(await money(session)).toEqual(['0.0025 USD', '0.00'])
  })

  it('a bid without room in the budget loses, is told so, and gives its place under the caps back', async () => {
    const caps = [{ max: 2, window: { kind: 'fixed' as const, seconds: 60 } }]
    const { session, upstream } = setUp({ ...policy('0.002', { caps }), events: EVENTS })
    const told: boolean[] = []
    upstream.answer = (count) => bid(count === 1 ? 3_000_000n : 2_000_000n, told)
    await expect(session.serve(call)).rejects.toMatchObject({ noFillReason: 'budget' })
    expect(told).toEqual([false])
    expect(await session.remainingImpressions('alice', 'c1')).toBe(2)
    await session.serve(call)
    expect(told).toEqual([false, true])
    expect(await money(session)).toEqual(['0.00 USD', '0.002'])
  })

  it.each([
    ['the budget', policy('1.00')],
    ['the day', policy(null, { pacing: { period: 'daily', dailyMax: Money.parse('1.00') } })],
  ])(
    'F-06 a bid in another currency than %s is refused with that reason, and nothing is charged',
    async (_, options) => {
      const { session, upstream, logger } = setUp(options)
      const told: boolean[] = []
      upstream.answer = () => bid(2_000_000n, told, {}, 'EUR')
      await session.setBudget('c1', null)
      await expect(session.serve(call)).rejects.toMatchObject({
        reason: 'currency',
        noFillReason: 'currency',
      })
      expect(told).toEqual([false])
      expect((await session.budget('c1')).spent.micros).toBe(0n)
      expect(logger.records).toEqual([])
    },
  )

  it('what nobody bid for costs the CPM of the campaign, and a no-fill nothing', async () => {
    const { session, upstream } = setUp(policy('1.00', { cpm: Money.parse('4.00') }))
    upstream.answer = (count) => (count === 1 ? NO_AD : { kind: 'fill', ad: { id: 'house' } })
    expect((await session.serve(call)).price).toBeNull()
    await session.serve(call)
    expect(await money(session)).toEqual(['0.004 USD', '0.00'])
  })

  it('a campaign that does not ask for it charges its own price', async () => {
    const { session, upstream } = setUp({
      campaigns: { c1: { caps: [], cpm: Money.parse('2.00'), budget: Money.parse('1.00') } },
    })
    upstream.answer = () => bid(9_000_000n)
    await session.serve(call)
    expect(await money(session)).toEqual(['0.002 USD', '0.00'])
  })
})

describe('time of a reservation', () => {
  const PRICED = { caps: [], cpm: Money.parse('2.00'), budget: Money.parse('0.002') }

  it.each([
    ['of the campaign’s price', { ...PRICED }],
    ['of the bid’s price', { ...PRICED, priceFrom: 'bid' as const }],
  ])(
    'F-08 an ad that says how soon it is to be seen is held no longer, with money %s',
    async (_, campaign) => {
      const { session, upstream, clock } = setUp({
        campaigns: { c1: campaign },
        events: EVENTS,
        holdSeconds: { video: 60 },
      })
      upstream.answer = (count) => bid(2_000_000n, [], { expiryMs: count === 1 ? 5000 : 600_000 })
      await session.serve(call)
      clock.advance(4999)
      await expect(session.serve(call)).rejects.toThrow('budget exhausted')
      clock.advance(1)
      await session.serve(call)
      // The second one says more than is configured: what is configured holds.
      clock.advance(59_999)
      await expect(session.serve(call)).rejects.toThrow('budget exhausted')
      clock.advance(1)
      await session.serve(call)
    },
  )
})
