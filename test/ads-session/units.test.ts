import { describe, expect, it } from 'vitest'
import { Money, priceOfCpmMicros } from '#src/ads/index.js'
import { LateAnswer } from '#src/ads/session/index.js'
import { now } from '#src/time/index.js'
import { contextOf, EVENTS, setUp } from './setup.js'

const POD = {
  kind: 'fill',
  ad: { id: 'a' },
  units: [{ id: 'a' }, { id: 'b' }, { id: 'c' }],
} as const
const call = { context: contextOf('alice'), params: { campaign_id: 'c1' } }

describe('UpstreamSession: ads of a pod', () => {
  it('F-08, C-12 each ad that has a place gets a reservation and tokens of its own, in order', async () => {
    const { session, upstream } = setUp({ frequencyCap: 2, events: EVENTS })
    upstream.answer = () => POD
    const { units, reservationId } = await session.serve(call)
    expect(units.map(({ index, adId }) => [index, adId])).toEqual([
      [0, 'a'],
      [1, 'b'],
    ])
    expect(new Set(units.map((unit) => unit.reservationId)).size).toBe(2)
    expect(reservationId).toBe(units[0]?.reservationId)
    for (const unit of units) {
      const outcome = await session.commitEvent(unit.token('impression') ?? '')
      expect(outcome).toMatchObject({ status: 'counted', adId: unit.adId })
    }
    expect(await session.remainingImpressions('alice', 'c1')).toBe(0)
  })

  it('C-11 an ad over a rule of its own leaves its place to the next', async () => {
    const rules = [
      { max: 1, window: { kind: 'lifetime' }, per: ['user', 'ad'] },
      { max: 2, window: { kind: 'lifetime' }, per: ['user'], name: 'all' },
    ] as const
    const { session, upstream } = setUp({ rules, events: EVENTS })
    upstream.answer = () => ({ kind: 'fill', ad: { id: 'a' } })
    await session.serve(call)
    upstream.answer = () => POD
    const { units } = await session.serve(call)
    expect(units.map(({ adId }) => adId)).toEqual(['b'])
  })

  it('F-31 a bid is for all that its markup shows: its price is charged once, its places count for each', async () => {
    const campaign = { caps: [{ max: 9, window: { kind: 'lifetime' as const } }], priceFrom: 'bid' as const }
    const { session, upstream } = setUp({
      campaigns: { c1: { ...campaign, budget: Money.parse('0.003') } },
      events: EVENTS,
    })
    upstream.answer = () => ({ ...POD, terms: { price: priceOfCpmMicros(2_000_000n, 'USD') } })
    const { units, price } = await session.serve(call)
    expect(units.map((unit) => unit.price)).toEqual([price, null, null])
    for (const unit of units) await session.commitEvent(unit.token('impression') ?? '')
    const { spent, held } = await session.budget('c1')
    expect([spent.toDecimal(), held.toDecimal()]).toEqual(['0.002', '0.00'])
    expect(await session.remainingImpressions('alice', 'c1')).toBe(6)
  })

  it('VAST 304: what comes when nobody waits any more is given back', async () => {
    const { session, upstream } = setUp()
    upstream.answer = () => POD
    const late = session.serve({ ...call, deadlineMs: now() - 1 })
    await expect(late).rejects.toThrow(LateAnswer)
    await expect(late).rejects.toMatchObject({ code: 'HG_TIMEOUT', result: POD })
    expect(await session.remainingImpressions('alice', 'c1')).toBe(3)
    const gone = AbortSignal.abort()
    await expect(session.serve({ ...call, signal: gone })).rejects.toThrow(LateAnswer)
    expect(await session.remainingImpressions('alice', 'c1')).toBe(3)
  })
})
