import { describe, expect, it } from 'vitest'
import {
  BudgetExceeded,
  FrequencyCapExceeded,
  MemoryStore,
  Money,
  type ReserveResult,
  serveAdWithCap,
  UpstreamSession,
} from '#src/ads/index.js'
import { AD, AskedUpstream, contextOf, EVENTS, NO_AD, RecordingLogger, setUp } from './setup.js'

const USD = (text: string): Money => Money.parse(text)
const call = { context: contextOf('alice'), params: { campaign_id: 'c1', placement_id: 'p1' } }

/** How often it is served before it is refused, at most `tries` times. */
async function servedOf(session: UpstreamSession, asked: object, tries = 10): Promise<number> {
  let served = 0
  for (let count = 0; count < tries; count += 1) {
    try {
      await session.request(asked)
      served += 1
    } catch (error) {
      if (!(error instanceof FrequencyCapExceeded || error instanceof BudgetExceeded)) throw error
    }
  }
  return served
}

describe('UpstreamSession: the seed', () => {
  it('B-40 caps at 3 in 3600 seconds by default, and takes other numbers', async () => {
    const { session, clock } = setUp()
    expect(await servedOf(session, call)).toBe(3)
    clock.advance(3_599_999)
    expect(await servedOf(session, call)).toBe(0)
    clock.advance(1)
    expect(await servedOf(session, call)).toBe(3)
    expect(await servedOf(setUp({ frequencyCap: 5, frequencyWindow: 60 }).session, call)).toBe(5)
  })

  it('B-41 checkFrequencyCap says true for none and 2, false for 3 and 4, and counts nothing', async () => {
    const store = new MemoryStore()
    const four = setUp({ store, frequencyCap: 4 }).session
    const { session } = setUp({ store })
    const answers: boolean[] = []
    for (let count = 0; count <= 4; count += 1) {
      answers.push(await session.checkFrequencyCap('alice', 'c1'))
      expect(await session.checkFrequencyCap('alice', 'c1')).toBe(answers.at(-1))
      await servedOf(four, call, 1)
    }
    expect(answers).toEqual([true, true, true, false, false])
    expect(await session.checkFrequencyCap('bob', 'c1')).toBe(true)
  })

  it('B-42 trackBudget takes 50 and 40 of 100 but not 20 more; a refusal changes nothing', async () => {
    const { session } = setUp({ defaultBudget: '1000' })
    await session.setBudget('c1', USD('100'))
    expect(await session.trackBudget('c1', USD('50'))).toBe(true)
    expect(await session.trackBudget('c1', USD('40'))).toBe(true)
    expect(await session.trackBudget('c1', USD('20'))).toBe(false)
    const { spent, limit, remaining } = await session.budget('c1')
    expect([spent, limit, remaining].map(String)).toEqual(['90.00 USD', '100.00 USD', '10.00 USD'])
    expect(await session.trackBudget('c1', USD('10'))).toBe(true)
    expect(await session.trackBudget('c1', USD('0.000001'))).toBe(false)
  })

  it("B-42 with defaultBudget '1000' a campaign without a limit may spend 1000", async () => {
    const { session } = setUp({ defaultBudget: '1000' })
    expect(await session.trackBudget('c9', USD('1000'))).toBe(true)
    expect(await session.trackBudget('c9', USD('0.000001'))).toBe(false)
  })

  it('D6, F-07 without defaultBudget a campaign without a limit may spend nothing', async () => {
    const { session } = setUp()
    expect(await session.trackBudget('c9', USD('0.000001'))).toBe(false)
    await expect(session.request({ ...call, cost: USD('0.01') })).rejects.toMatchObject({
      reason: 'no-limit',
    })
  })

  it('B-64 trackBudget takes no float', async () => {
    const { session } = setUp({ defaultBudget: '1000' })
    // @ts-expect-error a number is no money
    await expect(session.trackBudget('c', 2.5)).rejects.toThrow(TypeError)
    expect(String((await session.budget('c')).spent)).toBe('0.00 USD')
  })

  it('B-43 the user is anonymous and the campaign default where nothing else is said', async () => {
    const { session } = setUp({ anonymousPolicy: 'shared' })
    await session.request()
    expect(await session.remainingImpressions('anonymous', 'default')).toBe(2)
  })

  it('B-44 over the cap it throws FrequencyCapExceeded and does not ask the upstream', async () => {
    const { session, upstream, clock } = setUp({ frequencyCap: 1 })
    await session.request(call)
    clock.advance(1000)
    const error = await session.request(call).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(FrequencyCapExceeded)
    expect(error).toMatchObject({
      name: 'FrequencyCapExceeded',
      code: 'HG_FREQUENCY_CAP',
      message: 'User alice exceeded cap for c1',
      userId: 'alice',
      campaignId: 'c1',
      count: 1,
      max: 1,
      retryAfterMs: 3_599_000,
      noFillReason: 'frequency-cap',
    })
    expect(upstream.calls).toHaveLength(1)
  })

  it('B-45 returns what the upstream returned, and counts only after success', async () => {
    const { session, upstream } = setUp()
    upstream.answer = (count) => {
      if (count === 1) throw new Error('upstream is down')
      return AD
    }
    await expect(session.request(call)).rejects.toThrow('upstream is down')
    expect(await session.remainingImpressions('alice', 'c1')).toBe(3)
    expect(await session.request(call)).toBe(AD)
    expect(await session.remainingImpressions('alice', 'c1')).toBe(2)
    expect(upstream.calls[1]).toEqual(call)
    expect(session.metrics()).toMatchObject({ total: 2, success: 1, failed: 1, released: 1, committed: 1 })
  })

  it('B-46 the window ends when its length has passed since the first impression', async () => {
    const { session, clock } = setUp({ frequencyCap: 2, frequencyWindow: 2 })
    await session.request(call)
    clock.advance(1500)
    await session.request(call)
    clock.advance(499)
    expect(await session.checkFrequencyCap('alice', 'c1')).toBe(false)
    clock.advance(1)
    expect(await session.remainingImpressions('alice', 'c1')).toBe(2)
  })

  it('B-47, C-05, C-08, C-25 request() enforces the budget when a price is known', async () => {
    const exhausted: string[] = []
    const { session, upstream } = setUp({
      frequencyCap: 10_000,
      campaigns: { c1: { cpm: USD('2.00'), budget: USD('0.01') } },
      onBudgetExhausted: (campaign) => exhausted.push(campaign),
    })
    expect(await servedOf(session, call, 6)).toBe(5)
    const error = await session.request(call).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(BudgetExceeded)
    expect(error).toMatchObject({
      name: 'BudgetExceeded',
      code: 'HG_BUDGET_EXCEEDED',
      message: 'Campaign c1 budget exhausted',
      campaignId: 'c1',
      reason: 'exhausted',
      noFillReason: 'budget',
    })
    expect(upstream.calls).toHaveLength(5)
    expect(exhausted).toEqual(['c1', 'c1'])
    expect(JSON.parse(JSON.stringify(await session.budget('c1')))).toEqual({
      campaign_id: 'c1',
      spent: '0.01',
      limit: '0.01',
      remaining: '0.00',
      percentage_spent: 100,
    })
  })

  it('F-55 a budget of 1.00 at a CPM of 2.00 is 500 impressions', async () => {
    const { session } = setUp({
      rules: [],
      campaigns: { c1: { cpm: USD('2.00'), budget: USD('1.00') } },
    })
    expect(await servedOf(session, call, 600)).toBe(500)
  })

  it.each(['info', 'debug'] as const)(
    'B-50 serveAdWithCap logs and returns null over the cap, at level %s',
    async (level) => {
      const { session } = setUp({ frequencyCap: 1 })
      const logger = new RecordingLogger(level)
      const asked = { placementId: 'p1', campaignId: 'campaign123', context: contextOf('alice'), logger }
      expect(await serveAdWithCap(session, asked)).toBe(AD)
      expect(await serveAdWithCap(session, asked)).toBeNull()
      const user = level === 'debug' ? 'alice' : 'user-2bd806c97f0e'
      expect(logger.records).toMatchObject([
        { level: 'info', msg: `Frequency cap exceeded for user ${user}` },
      ])
    },
  )

  it('B-51 the fourth call within the hour gives null', async () => {
    const { session, upstream } = setUp()
    const asked = { placementId: 'p1', campaignId: 'campaign123', context: contextOf('alice') }
    const answers = []
    for (let count = 0; count < 4; count += 1) answers.push(await serveAdWithCap(session, asked))
    expect(answers).toEqual([AD, AD, AD, null])
    expect(upstream.calls[0]?.params).toEqual({ placement_id: 'p1', campaign_id: 'campaign123' })
  })

  it('C-04 a budget that is used up is a null as well, and other errors are not', async () => {
    const { session, upstream } = setUp({ campaigns: { c1: { cost: USD('1'), budget: USD('0') } } })
    const asked = { placementId: 'p1', campaignId: 'c1', context: contextOf('alice') }
    expect(await serveAdWithCap(session, asked)).toBeNull()
    upstream.answer = () => Promise.reject(new RangeError('broken'))
    await expect(serveAdWithCap(session, { ...asked, campaignId: 'c2' })).rejects.toThrow('broken')
  })
})

describe('UpstreamSession: rules', () => {
  it('C-03 the cap is looked at before the budget', async () => {
    const { session } = setUp({
      campaigns: { c1: { caps: [{ max: 0, window: { kind: 'lifetime' } }], cost: USD('1') } },
    })
    await expect(session.request(call)).rejects.toBeInstanceOf(FrequencyCapExceeded)
  })

  it('C-06 campaigns have caps and windows of their own, others the default', async () => {
    const { session } = setUp({
      campaigns: { daily: { caps: [{ max: 5, window: { kind: 'fixed', seconds: 86_400 } }] } },
    })
    expect(await servedOf(session, { ...call, campaignId: 'daily' })).toBe(5)
    expect(await servedOf(session, { ...call, campaignId: 'other' })).toBe(3)
  })

  it('C-07 remaining money and impressions can be read', async () => {
    const { session } = setUp({ events: EVENTS, campaigns: { c1: { cpm: USD('2'), budget: USD('1') } } })
    await session.serve(call)
    const { spent, held, remaining } = await session.budget('c1')
    expect([spent, held, remaining].map(String)).toEqual(['0.00 USD', '0.002 USD', '0.998 USD'])
    expect(await session.remainingImpressions('alice', 'c1')).toBe(2)
  })

  it('C-10 a request takes one call of the store, and its impression another', async () => {
    const { store, clock } = setUp()
    const asked: string[] = []
    const counting = new Proxy(store, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function') return value
        return (...args: unknown[]): unknown => {
          asked.push(String(name))
          return value.apply(target, args)
        }
      },
    })
    const campaigns = { c1: { cpm: USD('2'), budget: USD('1') } }
    const { session } = setUp({ store: counting, events: EVENTS, clock: clock.read, campaigns })
    const served = await session.serve(call)
    expect(asked).toEqual(['reserve'])
    await session.commitEvent(served.token('impression') ?? '')
    expect(asked).toEqual(['reserve', 'commit'])
  })

  it('C-11, F-56 levels count on their own, and the error names the one that refuses', async () => {
    const day = { kind: 'calendar', unit: 'day' } as const
    const caps = [
      { name: 'creative', max: 2, per: ['user', 'ad'] as const, window: day },
      { name: 'campaign', max: 5, window: day },
      { name: 'advertiser', max: 6, per: ['user', 'advertiser'] as const, window: day },
    ]
    const { session, upstream } = setUp({
      campaigns: { c1: { caps, advertiser: 'acme' }, c2: { caps, advertiser: 'acme' } },
    })
    upstream.answer = (count) => ({ kind: 'fill', ad: { id: `ad-${String(count <= 3 ? 1 : count)}` } })
    expect(await servedOf(session, call, 2)).toBe(2)
    await expect(session.request(call)).rejects.toMatchObject({ rule: 'creative', max: 2, count: 2 })
    expect(await servedOf(session, call, 3)).toBe(3)
    await expect(session.request(call)).rejects.toMatchObject({ rule: 'campaign', max: 5 })
    expect(await servedOf(session, { ...call, campaignId: 'c2' }, 1)).toBe(1)
    await expect(session.request({ ...call, campaignId: 'c2' })).rejects.toMatchObject({ rule: 'advertiser' })
  })

  it('C-23 5 in an hour and 20 in a day hold at once', async () => {
    const { session, clock } = setUp({
      rules: [
        { max: 5, window: { kind: 'fixed', seconds: 3600 } },
        { max: 20, window: { kind: 'fixed', seconds: 86_400 } },
      ],
    })
    const hours: number[] = []
    for (let hour = 0; hour < 6; hour += 1) {
      hours.push(await servedOf(session, call))
      clock.advance(3_600_000)
    }
    expect(hours).toEqual([5, 5, 5, 5, 0, 0])
  })

  it('rules per placement, without a user, count everybody', async () => {
    const { session } = setUp({
      rules: [{ max: 2, per: ['placement'], window: { kind: 'rolling', seconds: 60 } }],
    })
    const asked = ['alice', 'bob', 'carol'].map((user) =>
      session.request({ ...call, context: contextOf(user) }),
    )
    const answers = await Promise.allSettled(asked)
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  })

  it('two rules that would share a key are refused, as are rules that make no sense', () => {
    const hour = { kind: 'fixed', seconds: 3600 } as const
    const make = (rule: object) => (): unknown => setUp({ rules: [rule as never] })
    expect(() =>
      setUp({
        rules: [
          { max: 1, window: hour },
          { max: 2, window: hour },
        ],
      }),
    ).toThrow(/another name/)
    expect(make({ max: -1, window: hour })).toThrow(RangeError)
    expect(make({ max: 1.5, window: hour })).toThrow(RangeError)
    expect(make({ max: 1, window: { kind: 'fixed', seconds: 0 } })).toThrow(RangeError)
    expect(make({ max: 1, window: hour, per: ['planet'] })).toThrow("'planet' is no dimension")
    expect(make({ max: 1, window: hour, name: 'a:b' })).toThrow(TypeError)
    expect(make({ max: 1, window: { kind: 'calendar', unit: 'day', timeZone: 'Mars/North' } })).toThrow(
      RangeError,
    )
  })
})

describe('UpstreamSession: what counts, and for whom', () => {
  it('F-11 a no-fill is returned, and counts nothing', async () => {
    const { session, upstream } = setUp({ campaigns: { c1: { cpm: USD('2'), budget: USD('1') } } })
    upstream.answer = () => NO_AD
    for (let count = 0; count < 5; count += 1) expect(await session.request(call)).toBe(NO_AD)
    expect(await session.remainingImpressions('alice', 'c1')).toBe(3)
    const { spent, held } = await session.budget('c1')
    expect([spent, held].map(String)).toEqual(['0.00 USD', '0.00 USD'])
    expect((await session.serve(call)).token('impression')).toBeNull()
  })

  it('F-10 what was reserved is undone in reverse when the answer is refused', async () => {
    const log: string[] = []
    class Traced extends MemoryStore {
      override async reserve(...args: Parameters<MemoryStore['reserve']>): Promise<ReserveResult> {
        const result = await super.reserve(...args)
        log.push(`reserve ${args[0].caps.map(({ key }) => key).join()} ${String(result.granted)}`)
        return result
      }
      override release(...args: Parameters<MemoryStore['release']>): ReturnType<MemoryStore['release']> {
        log.push(`release ${args[0].caps.map(({ key }) => key).join()}`)
        return super.release(...args)
      }
    }
    const window = { kind: 'fixed', seconds: 60 } as const
    const rules = [
      { max: 9, window },
      { max: 0, per: ['user', 'ad'] as const, window },
    ]
    const { session, upstream } = setUp({ store: new Traced(), rules })
    upstream.answer = () => {
      log.push('ask')
      return AD
    }
    await expect(session.request(call)).rejects.toBeInstanceOf(FrequencyCapExceeded)
    expect(log).toEqual([
      'reserve freq:alice:c1:60s true',
      'ask',
      'reserve freq:alice:ad=ad-1:60s false',
      'release freq:alice:c1:60s',
    ])
  })

  it('F-31 prices in the parameters mean nothing', async () => {
    const { session } = setUp({ campaigns: { c1: { cpm: USD('2'), budget: USD('1') } } })
    await session.request({ ...call, params: { ...call.params, cpm: '0.01', cost: '0', price: '0' } })
    expect(String((await session.budget('c1')).spent)).toBe('0.002 USD')
  })

  it('F-31 campaignId wins over the parameter', async () => {
    const { session } = setUp()
    await session.request({ ...call, campaignId: 'configured' })
    expect(await session.remainingImpressions('alice', 'configured')).toBe(2)
    expect(await session.remainingImpressions('alice', 'c1')).toBe(3)
  })

  it('F-47 nothing is cached: each request asks the upstream', async () => {
    const { session, upstream } = setUp()
    upstream.answer = (count) => ({ kind: 'fill', ad: { id: `ad-${String(count)}` } })
    const answers = [await session.request(call), await session.request(call)]
    expect(answers.map(({ ad }) => ad?.id)).toEqual(['ad-1', 'ad-2'])
  })

  it('D7, F-09 by default two browsers without a user id get 3 each', async () => {
    const { session } = setUp()
    for (const session_id of ['one', 'two']) {
      expect(await servedOf(session, { ...call, context: contextOf(undefined, { session_id }) })).toBe(3)
    }
  })

  it("D7 'shared' counts all anonymous users together, 'uncapped' none, 'block' serves none", async () => {
    const asked = (): object => ({ ...call, context: contextOf() })
    const shared = setUp({ anonymousPolicy: 'shared' }).session
    expect((await servedOf(shared, asked(), 2)) + (await servedOf(shared, asked(), 5))).toBe(3)
    expect(await servedOf(setUp({ anonymousPolicy: 'uncapped' }).session, asked())).toBe(10)
    const blocked = setUp({ anonymousPolicy: 'block' })
    await expect(blocked.session.request(asked())).rejects.toMatchObject({ reason: 'anonymous' })
    expect(blocked.upstream.calls).toHaveLength(0)
    expect(() => setUp({ anonymousPolicy: 'guess' as never })).toThrow('anonymousPolicy')
  })

  it('F-54 an id that is too long or not printable is nobody', async () => {
    const { session } = setUp({ anonymousPolicy: 'block' })
    for (const id of ['x'.repeat(257), 'a\nb', 'a b', 'ü']) {
      await expect(session.request({ ...call, context: contextOf(id) })).rejects.toMatchObject({
        userId: 'anonymous',
      })
    }
  })

  it('C-22 close() tells what was counted once, closes the upstream, and leaves the store', async () => {
    const { session, upstream, store, logger } = setUp()
    await servedOf(session, call, 5)
    await Promise.all([session.close(), session.close()])
    expect(upstream.closed).toBe(1)
    expect(logger.records.filter(({ msg }) => msg === 'Ad session closed')).toMatchObject([
      { total: 5, success: 3, capped: 2, success_rate: 0.6 },
    ])
    expect(await store.healthCheck()).toBe(true)
  })

  it('B-52 a session is an upstream: a second one can be put around it', async () => {
    const inner = setUp({ frequencyCap: 1 }).session
    const outer = new UpstreamSession({ upstream: inner, store: new MemoryStore() })
    expect(outer.name).toBe('asked')
    expect(await outer.fetch(call)).toBe(AD)
    await expect(outer.fetch(call)).rejects.toBeInstanceOf(FrequencyCapExceeded)
    expect(await outer.remainingImpressions('alice', 'c1')).toBe(2)
    expect(await outer.healthCheck()).toBe(true)
    await outer.close()
  })

  it('an upstream is asked with the call as it came', async () => {
    const upstream = new AskedUpstream()
    const session = new UpstreamSession({ upstream, store: new MemoryStore() })
    await session.fetch(call)
    expect(upstream.calls).toEqual([call])
  })
})
