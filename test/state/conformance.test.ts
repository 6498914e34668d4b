import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ZERO } from '#src/money/index.js'
import type { BudgetCheck, CapCheck, Decision, StateStore } from '#src/state/index.js'
import { BACKENDS, type Backend, FakeClock } from './stores-under-test.js'

const HOUR_MS = 3_600_000
const HOLD_MS = 60_000
const HOLD = { holdMs: HOLD_MS }
const REMEMBER = { rememberMs: HOUR_MS }

let ids = 0
const id = (): string => `id-${String(ids++)}`

function cap(change: Partial<CapCheck> = {}): CapCheck {
  return {
    key: 'freq:{alice}:c1',
    max: 3,
    window: { kind: 'fixed', windowMs: HOUR_MS },
    mode: 'reserve',
    ...change,
  }
}

function budget(change: Partial<BudgetCheck> = {}): BudgetCheck {
  return {
    key: 'budget:{c1}',
    limitKey: 'budget:limit:{c1}',
    limit: null,
    pace: null,
    cost: { micros: 2000, nanos: 0 },
    currency: 'USD',
    ttlMs: null,
    ...change,
  }
}

function decision(caps: CapCheck[], budgets: BudgetCheck[] = []): Decision {
  return { id: id(), caps, budgets }
}

describe.each(BACKENDS)('store $name', ({ start, available }) => {
  const test = available ? it : it.skip
  let backend: Backend
  let store: StateStore
  let clock: FakeClock

  beforeAll(async () => {
    if (available) backend = await start()
  })
  beforeEach(async () => {
    if (!available) return
    await backend.clear()
    clock = new FakeClock()
    store = backend.open(clock.read)
  })
  afterEach(() => store?.close())
  afterAll(() => backend?.stop())

  async function granted(asked: Decision): Promise<boolean> {
    return (await store.reserve(asked, HOLD)).granted
  }

  async function serve(checks: CapCheck[], budgets: BudgetCheck[] = []): Promise<boolean> {
    const asked = decision(checks, budgets)
    if (!(await granted(asked))) return false
    expect(await store.commit(asked, REMEMBER)).toBe('counted')
    return true
  }

  test('F-01, F-03 of 50 reservations at once, a cap of 3 grants 3', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => granted(decision([cap()]))))
    expect(answers.filter(Boolean)).toHaveLength(3)
    expect(await store.capUse([cap()])).toEqual([{ committed: 0, held: 3, resetAfterMs: 0 }])
  })

  test('F-02 of 50 reservations at once, a budget for 10 grants 10, and 10 are spent exactly', async () => {
    await store.setLimit('budget:limit:{c1}', '1000')
    const costly = budget({ cost: { micros: 100_000_000, nanos: 0 } })
    const all = Array.from({ length: 50 }, () => decision([], [costly]))
    const answers = await Promise.all(all.map(granted))
    expect(answers.filter(Boolean)).toHaveLength(10)
    expect(await store.budgetUse([costly])).toMatchObject([{ spent: ZERO, open: 10 }])
    await Promise.all(all.filter((_, index) => answers[index]).map((asked) => store.commit(asked, REMEMBER)))
    expect(await store.budgetUse([costly])).toEqual([
      {
        spent: { micros: 1_000_000_000, nanos: 0 },
        held: ZERO,
        open: 0,
        limit: { micros: 1_000_000_000, nanos: 0 },
        currency: 'USD',
      },
    ])
  })

  test('a refusal names the cap, its count and when it is free again', async () => {
    for (let served = 0; served < 3; served += 1) expect(await serve([cap()])).toBe(true)
    clock.advance(1000)
    const loose = cap({ key: 'freq:{alice}:c2', max: 9 })
    expect(await store.reserve(decision([loose, cap()]), HOLD)).toEqual({
      granted: false,
      refusal: { kind: 'cap', index: 1, count: 3, max: 3, retryAfterMs: HOUR_MS - 1000 },
    })
    expect(await store.capUse([loose])).toEqual([{ committed: 0, held: 0, resetAfterMs: 0 }])
  })

  test('C-03 a refused cap leaves the budget alone, a refused budget gives the cap back', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002')
    expect(await granted(decision([cap({ max: 1 })], [budget()]))).toBe(true)
    const refused = await store.reserve(decision([cap({ max: 1 })], [budget()]), HOLD)
    expect(refused).toMatchObject({ refusal: { kind: 'cap' } })
    const poor = await store.reserve(decision([cap({ max: 9 })], [budget()]), HOLD)
    expect(poor).toEqual({ granted: false, refusal: { kind: 'budget', index: 0, reason: 'exhausted' } })
    expect(await store.capUse([cap()])).toEqual([{ committed: 0, held: 1, resetAfterMs: 0 }])
    expect(await store.budgetUse([budget()])).toMatchObject([
      { spent: ZERO, held: { micros: 2000, nanos: 0 } },
    ])
  })

  test('B-46, F-04 a fixed window ends when its length has passed since the first event, whatever came later', async () => {
    const window = { kind: 'fixed', windowMs: 2000 } as const
    for (const at of [0, 900, 900]) {
      clock.advance(at)
      expect(await serve([cap({ window })])).toBe(true)
    }
    clock.advance(199)
    expect(await serve([cap({ window })])).toBe(false)
    clock.advance(1)
    expect(await serve([cap({ window })])).toBe(true)
    expect(await store.capUse([cap({ window })])).toEqual([{ committed: 1, held: 0, resetAfterMs: 2000 }])
  })

  test('a rolling window frees each place when that event is old enough', async () => {
    const window = { kind: 'rolling', windowMs: 2000 } as const
    const rolling = cap({ window, max: 2 })
    expect(await serve([rolling])).toBe(true)
    clock.advance(1500)
    expect(await serve([rolling])).toBe(true)
    expect(await store.reserve(decision([rolling]), HOLD)).toMatchObject({ refusal: { retryAfterMs: 500 } })
    clock.advance(500)
    expect(await serve([rolling])).toBe(true)
    expect(await serve([rolling])).toBe(false)
    clock.advance(1500)
    expect(await store.capUse([rolling])).toEqual([{ committed: 1, held: 0, resetAfterMs: 500 }])
  })

  test('a calendar window counts anew in the next bucket', async () => {
    const bucket = (day: number): CapCheck =>
      cap({
        max: 1,
        window: { kind: 'calendar', startMs: Date.UTC(2026, 0, day), endMs: Date.UTC(2026, 0, day + 1) },
      })
    expect(await serve([bucket(15)])).toBe(true)
    expect(await store.reserve(decision([bucket(15)]), HOLD)).toMatchObject({
      refusal: { retryAfterMs: 12 * HOUR_MS },
    })
    clock.advance(12 * HOUR_MS)
    expect(await serve([bucket(16)])).toBe(true)
    expect(await serve([bucket(15)])).toBe(false)
  })

  test('C-23 several windows hold at once, and the tightest decides', async () => {
    const hourly = cap({ max: 2 })
    const daily = cap({
      key: 'freq:{alice}:c1:day',
      max: 3,
      window: { kind: 'fixed', windowMs: 24 * HOUR_MS },
    })
    expect(await serve([hourly, daily])).toBe(true)
    expect(await serve([hourly, daily])).toBe(true)
    expect(await store.reserve(decision([hourly, daily]), HOLD)).toMatchObject({ refusal: { index: 0 } })
    clock.advance(HOUR_MS)
    expect(await serve([hourly, daily])).toBe(true)
    expect(await store.reserve(decision([hourly, daily]), HOLD)).toMatchObject({ refusal: { index: 1 } })
  })

  test('a reservation that is never committed is free again after its time, not before', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002')
    const tight = (): Decision => decision([cap({ max: 1 })], [budget()])
    expect(await granted(tight())).toBe(true)
    clock.advance(HOLD_MS - 1)
    expect(await granted(tight())).toBe(false)
    clock.advance(1)
    expect(await granted(tight())).toBe(true)
    expect(await store.budgetUse([budget()])).toMatchObject([
      { spent: ZERO, held: { micros: 2000, nanos: 0 } },
    ])
  })

  test('a release gives place and money back at once, and only once', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002')
    const asked = decision([cap({ max: 1 })], [budget()])
    expect(await granted(asked)).toBe(true)
    expect(await store.release(asked)).toBe('released')
    expect(await store.release(asked)).toBe('unknown')
    expect(await serve([cap({ max: 1 })], [budget()])).toBe(true)
  })

  test('F-08 a reservation can be made to run out sooner, never later', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002')
    const [checks, money] = [[cap({ max: 1 })], [budget()]]
    const asked = decision(checks, money)
    expect(await granted(asked)).toBe(true)
    await store.shorten(asked, 5000)
    await store.shorten(asked, 2 * HOLD_MS)
    clock.advance(4999)
    expect(await granted(decision(checks, money))).toBe(false)
    clock.advance(1)
    const next = decision(checks, money)
    expect(await granted(next)).toBe(true)
    expect(await store.commit(asked, REMEMBER)).toBe('refused')
    // What is settled, and what nobody holds, is left as it is.
    await store.commit(next, REMEMBER)
    await store.shorten(next, 1)
    await store.shorten(decision(checks, money), 1)
    expect(await store.budgetUse(money)).toMatchObject([{ spent: { micros: 2000 }, held: ZERO }])
  })

  test('a double commit counts once, and what was committed cannot be released', async () => {
    await store.setLimit('budget:limit:{c1}', '1')
    const asked = decision([cap()], [budget()])
    await granted(asked)
    const answers = await Promise.all([1, 2, 3].map(() => store.commit(asked, REMEMBER)))
    expect(answers.toSorted()).toEqual(['counted', 'duplicate', 'duplicate'])
    expect(await store.release(asked)).toBe('settled')
    expect(await store.capUse([cap()])).toMatchObject([{ committed: 1, held: 0 }])
    expect(await store.budgetUse([budget()])).toMatchObject([{ spent: { micros: 2000 }, held: ZERO }])
  })

  test('a repeated reserve with the same id takes one place', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002')
    const asked = decision([cap({ max: 1 })], [budget()])
    expect(await granted(asked)).toBe(true)
    expect(await granted(asked)).toBe(true)
    expect(await store.capUse([cap()])).toMatchObject([{ held: 1 }])
    expect(await store.budgetUse([budget()])).toMatchObject([{ held: { micros: 2000 } }])
  })

  test('F-08 what is committed after its reservation ran out is late: charged while there is room, the cap counts it', async () => {
    await store.setLimit('budget:limit:{c1}', '0.004')
    const [first, second, third, fourth] = Array.from({ length: 4 }, () =>
      decision([cap({ max: 1 })], [budget()]),
    )
    if (!first || !second || !third || !fourth) throw new Error('four decisions')
    await granted(first)
    clock.advance(HOLD_MS)
    expect(await store.commit(first, REMEMBER)).toBe('late')
    expect(await store.commit(second, REMEMBER)).toBe('late')
    expect(await store.commit(third, REMEMBER)).toBe('refused')
    expect(await store.commit(third, REMEMBER)).toBe('duplicate')
    expect(await store.budgetUse([budget()])).toMatchObject([{ spent: { micros: 4000 } }])
    expect(await store.commit(fourth, { ...REMEMBER, late: 'always' })).toBe('late')
    expect(await store.budgetUse([budget()])).toMatchObject([{ spent: { micros: 6000 } }])
    expect(await store.capUse([cap()])).toMatchObject([{ committed: 4, held: 0 }])
    expect(await store.commit(decision([cap()]), { ...REMEMBER, late: 'never' })).toBe('refused')
    expect(await store.capUse([cap()])).toMatchObject([{ committed: 4 }])
  })

  test('D6, F-07 a budget without a limit refuses, as does a limit that cannot be read', async () => {
    const refusal = { kind: 'budget', index: 0, reason: 'no-limit' }
    expect(await store.reserve(decision([], [budget()]), HOLD)).toEqual({ granted: false, refusal })
    for (const text of ['', 'a lot', '1e3', '-5', '1.1234567', '10USD', '5. USD', '1 usd', ' 1', '1 ']) {
      await store.setLimit('budget:limit:{c1}', text)
      expect(await store.reserve(decision([], [budget()]), HOLD)).toEqual({ granted: false, refusal })
    }
    await store.setLimit('budget:limit:{c1}', null)
    expect(await granted(decision([], [budget({ limit: { micros: 2000, nanos: 0 } })]))).toBe(true)
  })

  test('F-45 the limit in the store wins over the configured one, from the moment it is written', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002 USD')
    const configured = budget({ limit: { micros: 1_000_000, nanos: 0 } })
    expect(await granted(decision([], [configured]))).toBe(true)
    expect(await granted(decision([], [configured]))).toBe(false)
    expect(await granted(decision([], [{ ...configured, key: 'budget:{c1}:x', limitKey: null }]))).toBe(true)
  })

  test('B-42 spending up to the limit is allowed, a micro more is not', async () => {
    await store.setLimit('budget:limit:{c1}', '1000')
    const spend = (micros: number): Promise<boolean> =>
      store
        .reserve(decision([], [budget({ cost: { micros, nanos: 0 } })]), { holdMs: 1, settle: true })
        .then((answer) => answer.granted)
    expect(await spend(999_999_999)).toBe(true)
    expect(await spend(2)).toBe(false)
    expect(await spend(1)).toBe(true)
    expect(await spend(1)).toBe(false)
    expect(await store.budgetUse([budget()])).toMatchObject([{ spent: { micros: 1_000_000_000, nanos: 0 } }])
  })

  test('F-06 thousandths of a micro add up and are never rounded away', async () => {
    await store.setLimit('budget:limit:{c1}', '0.002001 USD')
    const cheap = budget({ cost: { micros: 0, nanos: 667 } })
    let served = 0
    for (let tries = 0; tries < 10; tries += 1) served += Number(await serve([], [cheap]))
    expect(served).toBe(10)
    expect(await store.budgetUse([cheap])).toMatchObject([{ spent: { micros: 6, nanos: 670 } }])
    const rest = budget({ cost: { micros: 1994, nanos: 330 } })
    expect(await serve([], [{ ...rest, cost: { micros: 1994, nanos: 331 } }])).toBe(false)
    expect(await serve([], [rest])).toBe(true)
    expect(await store.budgetUse([cheap])).toMatchObject([{ spent: { micros: 2001, nanos: 0 } }])
  })

  test('F-06 large totals stay exact', async () => {
    const limit = { micros: Number.MAX_SAFE_INTEGER, nanos: 0 }
    const large = budget({ limitKey: null, limit, cost: { micros: Number.MAX_SAFE_INTEGER - 1, nanos: 0 } })
    expect(await serve([], [large])).toBe(true)
    expect(await serve([], [budget({ limitKey: null, limit, cost: { micros: 2, nanos: 0 } })])).toBe(false)
    expect(await serve([], [budget({ limitKey: null, limit, cost: { micros: 1, nanos: 0 } })])).toBe(true)
    expect(await store.budgetUse([large])).toMatchObject([{ spent: limit }])
  })

  test('money in another currency than the limit or than what was spent is refused', async () => {
    const refusal = { kind: 'budget', index: 0, reason: 'currency' }
    await store.setLimit('budget:limit:{c1}', '10 USD')
    expect(await serve([], [budget()])).toBe(true)
    const euros = await store.reserve(decision([], [budget({ currency: 'EUR' })]), HOLD)
    expect(euros).toEqual({ granted: false, refusal })
    await store.setLimit('budget:limit:{c1}', '10 EUR')
    expect(await store.reserve(decision([], [budget({ currency: 'EUR' })]), HOLD)).toEqual(euros)
  })

  test('what is paced waits though the limit has room', async () => {
    const limit = { micros: 100_000, nanos: 0 }
    const paced = budget({ limitKey: null, limit, pace: { micros: 2000, nanos: 0 } })
    expect(await serve([], [paced])).toBe(true)
    expect(await store.reserve(decision([], [paced]), HOLD)).toMatchObject({ refusal: { reason: 'paced' } })
    expect(await serve([], [{ ...paced, pace: { micros: 4000, nanos: 0 } }])).toBe(true)
  })

  test('several budgets are charged together or not at all', async () => {
    const limit = (micros: number): BudgetCheck['limit'] => ({ micros, nanos: 0 })
    const total = budget({ limitKey: null, limit: limit(100_000) })
    const day = budget({ key: 'budget:{c1}:day', limitKey: null, limit: limit(2000), ttlMs: HOUR_MS })
    expect(await serve([], [total, day])).toBe(true)
    expect(await store.reserve(decision([], [total, day]), HOLD)).toMatchObject({ refusal: { index: 1 } })
    expect(await store.budgetUse([total, day])).toMatchObject([
      { spent: { micros: 2000 }, held: ZERO },
      { spent: { micros: 2000 } },
    ])
  })

  test('a cap that only looks takes no place', async () => {
    const clicks = cap({ key: 'freq:{alice}:c1:click', max: 1, mode: 'check' })
    expect(await serve([clicks])).toBe(true)
    expect(await serve([clicks])).toBe(true)
    expect(await store.commit(decision([{ ...clicks, mode: 'reserve' }]), REMEMBER)).toBe('late')
    expect(await serve([clicks])).toBe(false)
  })

  test('settling at once counts without a reservation, once per id', async () => {
    await store.setLimit('budget:limit:{c1}', '1')
    const asked = decision([cap()], [budget()])
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await store.reserve(asked, { ...HOLD, ...REMEMBER, settle: true })).toEqual({ granted: true })
    }
    expect(await store.commit(asked, REMEMBER)).toBe('duplicate')
    expect(await store.capUse([cap()])).toMatchObject([{ committed: 1, held: 0 }])
    expect(await store.budgetUse([budget()])).toMatchObject([{ spent: { micros: 2000 }, held: ZERO }])
  })

  test('keys without hash tags work as well', async () => {
    const plain = cap({ key: 'freq:bob:c9', max: 1 })
    expect(await serve([plain])).toBe(true)
    expect(await serve([plain])).toBe(false)
  })

  test('a second store on the same state sees it, and a closed one refuses', async () => {
    const other = backend.spec.kind === 'memory' ? store : backend.open(clock.read)
    expect(await serve([cap({ max: 1 })])).toBe(true)
    expect((await other.reserve(decision([cap({ max: 1 })]), HOLD)).granted).toBe(false)
    expect(await other.healthCheck()).toBe(true)
    await other.close()
    await other.close()
    expect(await other.healthCheck()).toBe(false)
    await expect(other.reserve(decision([cap()]), HOLD)).rejects.toMatchObject({
      name: 'StateStoreError',
      failure: 'closed',
    })
  })
})
