import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdPod, MemoryStore, Money, seedKeys } from '#src/ads/index.js'
import { Calendar } from '#src/ads/session/calendar.js'
import { compileRule, DIMENSIONS, defaultRule, type Subject } from '#src/ads/session/frequency-rule.js'
import { paceAt } from '#src/ads/session/pacing.js'
import { packEvent, unpackEvent } from '#src/ads/session/reservation-token.js'
import { contextOf, setUp } from './setup.js'

const USD = (text: string): Money => Money.parse(text)
const NOON = Date.UTC(2026, 0, 15, 12)
const HOUR_MS = 3_600_000

describe('pacing', () => {
  const micros = (text: string): object => ({ micros: Number(USD(text).micros), nanos: 0 })

  it('even pacing allows the share of the day that has passed, and a lead', () => {
    const pacing = { period: 'daily', dailyMax: USD('24'), type: 'even', lead: 0.125 } as const
    expect(paceAt(pacing, null, NOON)).toEqual({
      total: null,
      ttlMs: null,
      buckets: [{ name: 'day:2026-01-15', limit: micros('24'), pace: micros('15'), ttlMs: 48 * HOUR_MS }],
    })
    expect(paceAt(pacing, null, NOON + 12 * HOUR_MS - 1).buckets[0]?.pace).toEqual(micros('24'))
    expect(paceAt(pacing, null, NOON + 12 * HOUR_MS).buckets[0]).toMatchObject({
      name: 'day:2026-01-16',
      pace: micros('3'),
    })
  })

  it('F-46 hours are keyed with their date in UTC and have a limit of their own', () => {
    const pacing = { period: 'daily', dailyMax: USD('24'), maxHourly: 2 } as const
    const [day, hour] = paceAt(pacing, null, NOON).buckets
    expect(day).toMatchObject({ pace: null })
    expect(hour).toMatchObject({ name: 'hour:2026-01-15T12', limit: micros('2'), pace: null })
  })

  it('ahead is a quarter faster than even; a flight paces the whole budget and allows nothing outside', () => {
    const flight = { period: 'flight', startMs: NOON, endMs: NOON + 10 * HOUR_MS, lead: 0 } as const
    const at = (hours: number, type: 'even' | 'ahead'): object | null =>
      paceAt({ ...flight, type }, USD('100'), NOON + hours * HOUR_MS).total
    expect(at(4, 'even')).toEqual(micros('40'))
    expect(at(4, 'ahead')).toEqual(micros('50'))
    expect(at(9, 'ahead')).toEqual(micros('100'))
    expect(at(-0.001, 'even')).toEqual(micros('0'))
    expect(at(10, 'even')).toEqual(micros('0'))
  })

  it('a campaign paced evenly serves its share, then waits, and never spends more in a day', async () => {
    const campaigns = {
      c1: {
        cost: USD('1'),
        budget: USD('1000'),
        caps: [],
        pacing: { period: 'daily', dailyMax: USD('24'), type: 'even' } as const,
      },
    }
    const { session, clock } = setUp({ campaigns })
    const served: number[] = []
    for (let quarter = 0; quarter < 4; quarter += 1) {
      let count = 0
      for (;;) {
        const answer = await session.request({ campaignId: 'c1' }).catch((error: unknown) => error)
        if (answer instanceof Error) {
          expect(answer).toMatchObject({ name: 'BudgetExceeded', noFillReason: 'pacing' })
          break
        }
        count += 1
      }
      served.push(count)
      clock.advance(6 * HOUR_MS)
    }
    // From noon: 12 hours and the lead of 5 %, then 18 hours, then the next day's.
    expect(served).toEqual([13, 6, 1, 6])
    expect(session.metrics()).toMatchObject({ paced: 4, over_budget: 0 })
  })

  it('pacing that makes no sense is refused with the name of its campaign', () => {
    const make = (policy: object) => (): unknown => setUp({ campaigns: { c1: policy as never } })
    expect(make({ pacing: { period: 'daily' } })).toThrow("campaign 'c1': daily pacing needs dailyMax")
    expect(make({ pacing: { period: 'flight', startMs: 0, endMs: 1 } })).toThrow('needs the limit')
    expect(make({ budget: USD('1'), pacing: { period: 'flight', startMs: 1, endMs: 1 } })).toThrow(RangeError)
    expect(make({ pacing: { period: 'daily', dailyMax: USD('1'), lead: 2 } })).toThrow('lead')
    expect(make({ pacing: { period: 'daily', dailyMax: USD('1'), maxHourly: 0.5 } })).toThrow('maxHourly')
    expect(make({ cpm: 2.5 })).toThrow("campaign 'c1': a CPM must be a Money")
  })
})

describe('calendar', () => {
  const iso = ({ startMs, endMs }: { startMs: number; endMs: number }): string[] =>
    [startMs, endMs].map((ms) => new Date(ms).toISOString().slice(0, 16))

  it.each([
    ['minute', 'UTC', '2026-01-15T12:00', '2026-01-15T12:01'],
    ['hour', 'UTC', '2026-01-15T12:00', '2026-01-15T13:00'],
    ['day', 'UTC', '2026-01-15T00:00', '2026-01-16T00:00'],
    ['week', 'UTC', '2026-01-12T00:00', '2026-01-19T00:00'],
    ['month', 'UTC', '2026-01-01T00:00', '2026-02-01T00:00'],
    ['day', 'America/New_York', '2026-01-15T05:00', '2026-01-16T05:00'],
    ['month', 'Asia/Kolkata', '2025-12-31T18:30', '2026-01-31T18:30'],
  ] as const)('the %s of noon in %s', (unit, zone, start, end) => {
    expect(iso(new Calendar(unit, zone).bucketAt(NOON))).toEqual([start, end])
  })

  it('a day on which clocks change has 23 or 25 hours', () => {
    const days = new Calendar('day', 'Europe/Berlin')
    const lengths = [Date.UTC(2026, 2, 29, 12), Date.UTC(2026, 9, 25, 12), Date.UTC(2026, 9, 26, 12)].map(
      (ms) => {
        const { startMs, endMs } = days.bucketAt(ms)
        return (endMs - startMs) / HOUR_MS
      },
    )
    expect(lengths).toEqual([23, 25, 24])
  })

  it('buckets join without a gap, and every moment lies in its own', () => {
    const zones = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Pacific/Auckland',
    )
    const units = fc.constantFrom('hour', 'day', 'week', 'month')
    fc.assert(
      fc.property(
        zones,
        units,
        fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2030, 0) }),
        (zone, unit, ms) => {
          const { startMs, endMs } = new Calendar(unit, zone).bucketAt(ms)
          expect(ms).toBeGreaterThanOrEqual(startMs)
          expect(ms).toBeLessThan(endMs)
          expect(new Calendar(unit, zone).bucketAt(endMs).startMs).toBe(endMs)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('keys', () => {
  const rule = defaultRule(3, 3600)

  it('D5 are those of the seed by default', () => {
    const keys = seedKeys()
    expect(keys.frequency(rule, { user: 'alice', campaign: 'campaign123' })).toBe('freq:alice:campaign123')
    expect(keys.budget('campaign123')).toBe('budget:campaign123')
    expect(keys.budgetLimit('campaign123')).toBe('budget:limit:campaign123')
  })

  it('F-13 take a prefix, hash tags, and users as HMAC', () => {
    const keys = seedKeys({ prefix: 'hg:', hashTags: true, hashUsersWith: 'secret' })
    const key = keys.frequency(rule, { user: 'alice', campaign: 'c1' })
    expect(key).toMatch(/^hg:freq:\{[A-Za-z0-9_-]{22}\}:c1$/)
    expect(key).not.toBe(
      seedKeys({ prefix: 'hg:', hashTags: true, hashUsersWith: 'other' }).frequency(rule, {
        user: 'alice',
        campaign: 'c1',
      }),
    )
    expect(keys.budget('c1', 'day:2026-01-15')).toBe('hg:budget:{c1}:day:2026-01-15')
  })

  it('F-13 two different subjects never share a key', () => {
    const rules = [
      rule,
      compileRule({ max: 1, per: ['user'], window: { kind: 'lifetime' } }),
      compileRule({ max: 1, per: ['user', 'campaign', 'ad'], window: { kind: 'lifetime' } }),
      compileRule({ max: 1, per: ['campaign', 'placement'], window: { kind: 'lifetime' } }),
    ]
    const part = fc.oneof(
      fc.constantFrom('', 'a', 'a:b', 'b', '~', '{a}', '%', 'ad=a', 'lifetime'),
      fc.string({ unit: 'binary' }),
    )
    const subject = fc.record({ user: part, campaign: part, ad: part, placement: part })
    for (const keys of [seedKeys(), seedKeys({ hashTags: true })]) {
      fc.assert(
        fc.property(
          fc.constantFrom(...rules),
          fc.constantFrom(...rules),
          subject,
          subject,
          (one, other, a, b) => {
            const identity = (compiled: typeof rule, of: Subject): string =>
              JSON.stringify([compiled.name, compiled.per, compiled.per.map((dimension) => of[dimension])])
            const same = identity(one, a) === identity(other, b)
            expect(keys.frequency(one, a) === keys.frequency(other, b)).toBe(same)
          },
        ),
        { numRuns: 150 },
      )
    }
  })

  it('stay short enough for every store', () => {
    const long = 'ü'.repeat(5000)
    expect(seedKeys().frequency(rule, { user: long, campaign: long }).length).toBeLessThan(200)
  })
})

describe('reservation tokens', () => {
  it('hold every dimension and price', () => {
    const dimensions = fc.record(Object.fromEntries(DIMENSIONS.map((name) => [name, fc.string()])), {
      requiredKeys: ['campaign'],
    })
    const price = fc.option(
      fc.record({
        amount: fc.record({ micros: fc.nat(), nanos: fc.nat(999) }),
        currency: fc.constantFrom('USD', 'EUR'),
      }),
    )
    fc.assert(
      fc.property(
        dimensions,
        price,
        fc.subarray([...DIMENSIONS]),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        (subject, cost, learned, decidedAtMs, mayMeasure, isPriceLearned) => {
          const campaignId = subject['campaign'] ?? ''
          const reservation = {
            id: 'x',
            campaignId,
            subject,
            learned,
            price: cost,
            isPriceLearned,
            decidedAtMs,
            mayMeasure,
          }
          expect(unpackEvent(packEvent({ event: 'click', reservation }))).toEqual({
            event: 'click',
            reservation,
          })
        },
      ),
    )
    expect([unpackEvent('no JSON'), unpackEvent('{}'), unpackEvent('[2]')]).toEqual([null, null, null])
  })
})

describe('AdPod', () => {
  it('C-12 fills each position once and takes no ad twice, also when several fill it at once', async () => {
    const store = new MemoryStore()
    const [one, other] = [new AdPod({ store, podId: 'break-1' }), new AdPod({ store, podId: 'break-1' })]
    const both = await Promise.all([one.fill(1, 'a'), other.fill(1, 'b')])
    expect(both.toSorted()).toEqual(['filled', 'taken'])
    expect(await one.fill(2, 'a')).toBe('duplicate')
    expect(await one.fill(2, 'c')).toBe('filled')
    expect([await one.fill(0, 'd'), await one.fill(6, 'd'), await one.fill(1.5, 'd')]).toEqual([
      'outside',
      'outside',
      'outside',
    ])
    expect(await other.free()).toEqual([3, 4, 5])
    expect(await new AdPod({ store }).free()).toEqual([1, 2, 3, 4, 5])
    expect(() => new AdPod({ store, maxPodSize: 0 })).toThrow(RangeError)
  })

  it('C-12 caps hold over the whole pod: each of its ads counts', async () => {
    const { session, upstream } = setUp({
      rules: [{ max: 2, per: ['pod', 'campaign'], window: { kind: 'fixed', seconds: 3600 } }],
    })
    upstream.answer = (count) => ({ kind: 'fill', ad: { id: `ad-${String(count)}` } })
    const call = { context: contextOf('alice'), campaignId: 'c1', dimensions: { pod: 'break-1' } }
    await session.request(call)
    await session.request(call)
    await expect(session.request(call)).rejects.toMatchObject({ name: 'FrequencyCapExceeded' })
    await session.request({ ...call, dimensions: { pod: 'break-2' } })
  })
})
