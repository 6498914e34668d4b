import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type BudgetCheck,
  type CapCheck,
  type Decision,
  MemoryStore,
  type StateStore,
} from '#src/state/index.js'
import { BACKENDS, FakeClock } from './stores-under-test.js'

/** Small numbers, and windows far longer than a run, since Redis lets keys go by its own clock: so caps fill, windows end and budgets run out within a few steps. */
const window = fc.oneof(
  fc.record({ kind: fc.constant('fixed' as const), windowMs: fc.constantFrom(50_000, 100_000) }),
  fc.record({ kind: fc.constant('rolling' as const), windowMs: fc.constantFrom(50_000, 100_000) }),
)
const cap: fc.Arbitrary<CapCheck> = fc
  .record({
    index: fc.nat(2),
    max: fc.integer({ min: 0, max: 4 }),
    window,
    mode: fc.constantFrom('reserve' as const, 'check' as const),
  })
  .map(({ index, ...rest }) => ({
    key: `freq:{u}:${String(index)}:${rest.window.kind}:${String(rest.window.windowMs)}`,
    ...rest,
  }))
const budget: fc.Arbitrary<BudgetCheck> = fc.record({
  key: fc.constantFrom('budget:{c}', 'budget:{d}'),
  limitKey: fc.constant(null),
  limit: fc.option(fc.record({ micros: fc.integer({ min: 0, max: 20 }), nanos: fc.nat(999) })),
  pace: fc.option(fc.record({ micros: fc.integer({ min: 0, max: 20 }), nanos: fc.nat(999) })),
  cost: fc.record({ micros: fc.integer({ min: 0, max: 5 }), nanos: fc.nat(999) }),
  currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
  ttlMs: fc.constant(null),
})
const decision = fc.record({
  caps: fc.uniqueArray(cap, { maxLength: 2, selector: ({ key }) => key }),
  budgets: fc.uniqueArray(budget, { maxLength: 2, selector: ({ key }) => key }),
})

const id = fc.nat(9)
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reserve' as const), id, settle: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      id,
      late: fc.constantFrom('within-limit' as const, 'always' as const, 'never' as const),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 10_000, 49_999, 50_000, 100_000),
    }),
  },
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Everything that a store says on the way. */
async function told(
  store: StateStore,
  clock: FakeClock,
  decisions: Omit<Decision, 'id'>[],
  steps: Step[],
): Promise<unknown[]> {
  const startMs = clock.nowMs
  const answers: unknown[] = []
  for (const one of steps) {
    if (one.do === 'advance') {
      clock.advance(one.ms)
      continue
    }
    const parts = decisions[one.id % decisions.length]
    if (parts === undefined) continue
    const asked = { ...parts, id: `id-${String(one.id)}` }
    if (one.do === 'reserve') {
      answers.push(await store.reserve(asked, { holdMs: 60_000, rememberMs: 10_000_000, settle: one.settle }))
    } else if (one.do === 'commit') {
      answers.push(await store.commit(asked, { late: one.late, rememberMs: 10_000_000 }))
    } else {
      answers.push(await store.release(asked))
    }
    answers.push(
      await store.capUse(parts.caps),
      (await store.budgetUse(parts.budgets)).map(({ spent, held }) => [spent, held]),
    )
  }
  clock.nowMs = startMs
  return answers
}

const OTHERS = BACKENDS.filter(({ name }) => name === 'lmdb' || name === 'redis')

describe.each(OTHERS)('store $name', ({ start, available }) => {
  const test = available ? it : it.skip

  test('says the same as the memory store, whatever happens', async () => {
    const backend = await start()
    const clock = new FakeClock()
    try {
      await fc.assert(
        fc.asyncProperty(
          fc.array(decision, { minLength: 1, maxLength: 3 }),
          fc.array(step, { minLength: 5, maxLength: 30 }),
          async (decisions, steps) => {
            await backend.clear()
            const store = backend.open(clock.read)
            try {
              const expected = await told(new MemoryStore({ clock: clock.read }), clock, decisions, steps)
              expect(await told(store, clock, decisions, steps)).toEqual(expected)
            } finally {
              await store.close()
            }
          },
        ),
        { numRuns: 60 },
      )
    } finally {
      await backend.stop()
    }
  })
})
