import { describe, expect, it } from 'vitest'
import { MemoryStore, Money, type ReserveResult, StateStoreError } from '#src/ads/index.js'
import { contextOf, EVENTS, setUp } from './setup.js'

const USD = (text: string): Money => Money.parse(text)
const free = { context: contextOf('alice'), campaignId: 'free' }
const paid = { context: contextOf('alice'), campaignId: 'paid' }
const CAMPAIGNS = { paid: { cost: USD('1'), budget: USD('100') } }

/** A store that can be lost. */
class LosableStore extends MemoryStore {
  lost = true
  override reserve(...args: Parameters<MemoryStore['reserve']>): Promise<ReserveResult> {
    return this.#unlessLost(() => super.reserve(...args))
  }
  override commit(...args: Parameters<MemoryStore['commit']>): ReturnType<MemoryStore['commit']> {
    return this.#unlessLost(() => super.commit(...args))
  }
  override capUse(...args: Parameters<MemoryStore['capUse']>): ReturnType<MemoryStore['capUse']> {
    return this.#unlessLost(() => super.capUse(...args))
  }
  async #unlessLost<T>(ask: () => Promise<T>): Promise<T> {
    if (this.lost) throw new StateStoreError('memory', 'unavailable', 'the store is lost')
    return await ask()
  }
}

describe('C10 while the store cannot be asked', () => {
  it('F-12, C-09 caps are open and budgets closed by default; both are logged once and counted', async () => {
    const store = new LosableStore()
    const { session, logger, upstream } = setUp({ store, campaigns: CAMPAIGNS })
    expect(await session.checkFrequencyCap('alice', 'free')).toBe(true)
    expect((await session.request(free)).kind).toBe('fill')
    const error = await session.request(paid).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      name: 'BudgetExceeded',
      reason: 'store-unavailable',
      cause: { failure: 'unavailable' },
    })
    expect(upstream.calls).toHaveLength(1)
    const lost = logger.records.filter(({ msg }) => msg === 'State store lost: decisions are made by policy')
    expect(lost).toMatchObject([{ level: 'error', store: 'memory', caps: 'open', budgets: 'closed' }])
    expect(session.metrics()).toMatchObject({ degraded: 2, over_budget: 1 })
    store.lost = false
    expect((await session.request(paid)).kind).toBe('fill')
    expect(logger.records.at(-1)?.msg).toBe('State store answers again')
  })

  it('F-12 caps can be closed', async () => {
    const { session, upstream } = setUp({ store: new LosableStore(), onStoreFailure: { caps: 'closed' } })
    await expect(session.request(free)).rejects.toMatchObject({
      name: 'FrequencyCapExceeded',
      reason: 'store-unavailable',
    })
    await expect(session.checkFrequencyCap('alice', 'free')).rejects.toBeInstanceOf(StateStoreError)
    expect(upstream.calls).toHaveLength(0)
  })

  it('F-12 budgets can be open, or have an allowance that is bounded in each outage', async () => {
    const open = setUp({
      store: new LosableStore(),
      campaigns: CAMPAIGNS,
      onStoreFailure: { budgets: 'open' },
    })
    expect((await open.session.request(paid)).kind).toBe('fill')
    const store = new LosableStore()
    const { session } = setUp({
      store,
      campaigns: CAMPAIGNS,
      onStoreFailure: { budgets: { allowance: USD('2') } },
    })
    for (let outage = 0; outage < 2; outage += 1) {
      store.lost = true
      await session.request(paid)
      await session.request(paid)
      await expect(session.request(paid)).rejects.toMatchObject({ reason: 'store-unavailable' })
      store.lost = false
      await session.request(paid)
      store.lost = true
    }
    expect(() => setUp({ onStoreFailure: { budgets: { allowance: 2 as never } } })).toThrow('allowance')
  })

  it('what was served without the store is counted and charged when its impression is reported', async () => {
    const store = new LosableStore()
    const { session } = setUp({
      store,
      campaigns: CAMPAIGNS,
      events: EVENTS,
      onStoreFailure: { budgets: 'open' },
    })
    const { token } = await session.serve(paid)
    store.lost = false
    expect(await session.commitEvent(token('impression') ?? '')).toMatchObject({ status: 'late' })
    expect(String((await session.budget('paid')).spent)).toBe('1.00 USD')
    expect(await session.remainingImpressions('alice', 'paid')).toBe(2)
  })

  it('an error that is not the store’s is not hidden by a policy', async () => {
    class Broken extends MemoryStore {
      override reserve(): Promise<ReserveResult> {
        return Promise.reject(new RangeError('a bug'))
      }
    }
    await expect(setUp({ store: new Broken() }).session.request(free)).rejects.toThrow('a bug')
  })
})
