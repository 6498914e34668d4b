import { describe, expect, it } from 'vitest'
import { explore, type Scenario } from './support/interleavings.js'

const LAP = 2 ** 32

/** Rings so small that every scenario fills them, also over the end of the ring and of the counters. */
const SCENARIOS: readonly (readonly [string, Scenario])[] = [
  ['one frame into an empty ring', { capacityBytes: 128, startAt: 0, turns: [[0]] }],
  ['frames of two turns', { capacityBytes: 128, startAt: 0, turns: [[0], [0]] }],
  ['frames of three turns', { capacityBytes: 256, startAt: 0, turns: [[0], [0], [0]] }],
  ['more in one turn than the ring holds', { capacityBytes: 64, startAt: 0, turns: [[0, 0, 0, 0]] }],
  ['a full ring in several turns', { capacityBytes: 64, startAt: 0, turns: [[0, 0], [0], [0]] }],
  ['frames of different sizes', { capacityBytes: 128, startAt: 0, turns: [[40, 16], [40], [8]] }],
  ['padding before the end', { capacityBytes: 128, startAt: 64, turns: [[0], [24], [40]] }],
  ['an end too short for padding', { capacityBytes: 64, startAt: 40, turns: [[0], [0]] }],
  ['a quiet turn before a loud one', { capacityBytes: 128, startAt: 0, turns: [[0], [0]], quietTurns: [0] }],
  [
    'a ring full of quiet frames, and then no room',
    { capacityBytes: 64, startAt: 0, turns: [[0], [0], [0]], quietTurns: [0, 1] },
  ],
  [
    'nothing but quiet frames',
    { capacityBytes: 64, startAt: 0, turns: [[0], [0], [0]], quietTurns: [0, 1, 2] },
  ],
  [
    'a consumer with work of its own',
    { capacityBytes: 128, startAt: 0, turns: [[0], [0], [0]], quietTurns: [1], ownTurns: 2 },
  ],
  ['counters that wrap', { capacityBytes: 64, startAt: LAP - 40, turns: [[0, 0, 0], [0]] }],
]

describe('doorbells of a ring', () => {
  it.each(SCENARIOS)('never lose a wake-up or a frame in any interleaving: %s', (_name, scenario) => {
    const { failure, states, ends } = explore(scenario)
    expect(failure).toBeNull()
    expect(states).toBeGreaterThan(20)
    expect(ends).toBeGreaterThan(0)
  })

  it('are not rung while the consumer is awake', () => {
    // In the best order the consumer finds everything without a bell; a bell is rung at most once per sleep.
    expect(explore({ capacityBytes: 256, startAt: 0, turns: [[0], [0], [0]] }).bells).toEqual({
      fewest: 0,
      most: 3,
    })
  })
})

describe('the search for lost wake-ups', () => {
  it.each([
    {
      name: 'a consumer that sleeps without a second look',
      of: 'ring-reader' as const,
      from: 'Atomics.load(this.#control, WRITTEN) >>> 0 === this.#position',
      to: 'true',
    },
    {
      name: 'a consumer that looks first and then says that it sleeps',
      of: 'ring-reader' as const,
      from: 'Atomics.store(this.#control, ASLEEP, 1);\n        if (Atomics.load(this.#control, WRITTEN) >>> 0 === this.#position)\n            return true;',
      to: 'if (Atomics.load(this.#control, WRITTEN) >>> 0 === this.#position) {\n            Atomics.store(this.#control, ASLEEP, 1);\n            return true; }',
    },
    {
      name: 'a producer that looks at the sleeper before it publishes',
      of: 'ring-writer' as const,
      from: 'Atomics.store(this.#control, WRITTEN, this.#written | 0);',
      to: 'if (Atomics.compareExchange(this.#control, ASLEEP, 1, 0) === 1) {\n            Atomics.store(this.#control, WRITTEN, this.#written | 0);\n            return true; }\n            Atomics.store(this.#control, WRITTEN, this.#written | 0);\n            return false;',
    },
    {
      name: 'a producer that waits for room without a second look',
      of: 'ring-writer' as const,
      from: 'if (this.freeBytes < need)\n            return false;',
      to: 'return false;',
    },
  ])('finds $name', ({ of, from, to }) => {
    const found = [
      explore({ capacityBytes: 128, startAt: 0, turns: [[0], [0]], mutation: { of, from, to } }),
      explore({ capacityBytes: 64, startAt: 0, turns: [[0, 0, 0, 0]], mutation: { of, from, to } }),
    ]
    expect(found.map(({ failure }) => failure).find((failure) => failure !== null)).toMatch(/^lost wake-up/)
  })

  it('finds a producer that waits for room behind quiet frames and wakes nobody', () => {
    const { failure } = explore({
      capacityBytes: 64,
      startAt: 0,
      turns: [[0], [0], [0]],
      quietTurns: [0, 1],
      mutation: {
        of: 'ring-writer',
        from: 'if (quietly || !this.#owesBell)\n            return false;',
        to: 'if (quietly) { this.#owesBell = false;\n            return false; }\n        if (!this.#owesBell)\n            return false;',
      },
    })
    expect(failure).toMatch(/^lost wake-up: the producer/)
  })

  it('finds a producer that writes over what was not released', () => {
    const { failure } = explore({
      capacityBytes: 64,
      startAt: 0,
      turns: [[0, 0, 0, 0]],
      mutation: { of: 'ring-writer', from: 'if (!this.#hasRoom(need))\n            return -1;', to: '' },
    })
    expect(failure).not.toBeNull()
  })
})
