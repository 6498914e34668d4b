import { describe, expect, it } from 'vitest'
import { benchModule } from './bench-module.js'

interface Counted {
  readonly requests: number
  readonly atOrigin: number
}

const { compareCounters } = (await benchModule('lib/measure.mjs')) as {
  compareCounters(
    scenario: { readonly cached?: boolean },
    before: Counted,
    after: Counted,
    asked: number,
    slack: number,
  ): readonly string[]
}
const { loadScenarios, missingNeeds } = (await benchModule('lib/scenarios.mjs')) as {
  loadScenarios(): readonly { name: string; needs?: readonly string[]; subjects: readonly string[] }[]
  missingNeeds(scenario: { needs?: readonly string[] }): readonly string[]
}
const { SUBJECTS } = (await benchModule('lib/subjects/index.mjs')) as { SUBJECTS: Record<string, unknown> }

const NONE = { requests: 100, atOrigin: 50 }

describe('counters of client, gateway and origin', () => {
  it('agree up to what was under way', () => {
    expect(compareCounters({}, NONE, { requests: 1100, atOrigin: 1050 }, 1000, 0)).toEqual([])
    expect(compareCounters({}, NONE, { requests: 1164, atOrigin: 1114 }, 1000, 64)).toEqual([])
  })

  it('make a round void when the gateway or the origin saw others than the client sent', () => {
    expect(compareCounters({}, NONE, { requests: 900, atOrigin: 1050 }, 1000, 64)).toHaveLength(1)
    expect(compareCounters({}, NONE, { requests: 1100, atOrigin: 60 }, 1000, 64)).toHaveLength(1)
    expect(compareCounters({}, NONE, { requests: Number.NaN, atOrigin: 1050 }, 1000, 64)).toHaveLength(1)
  })

  it('make a round void in which nothing was answered, although three zeros agree', () => {
    expect(compareCounters({}, NONE, NONE, 0, 64)).toHaveLength(1)
  })

  it('of a cache: hits do not reach the origin, and a hit scenario that forwards is void', () => {
    expect(compareCounters({ cached: true }, NONE, { requests: 1100, atOrigin: 51 }, 1000, 0)).toEqual([])
    expect(compareCounters({ cached: true }, NONE, { requests: 1100, atOrigin: 1040 }, 1000, 0)).toHaveLength(
      1,
    )
  })
})

describe('scenarios', () => {
  it('name subjects that there are, and have names of their own', () => {
    const scenarios = loadScenarios()
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
    for (const { subjects } of scenarios) {
      for (const subject of subjects)
        expect(Object.keys(SUBJECTS)).toContain(
          subject.replace(/^headgate (?:with .*|unobserved)$/, 'headgate'),
        )
    }
  })

  it('say what the configuration lacks for them: keys are found in sections, lists and maps', () => {
    expect(
      missingNeeds({ needs: ['listen', 'routes.filters', 'upstreams.tls', 'routes.match.path'] }),
    ).toEqual([])
    expect(missingNeeds({ needs: ['teleport', 'routes.teleport'] })).toEqual(['teleport', 'routes.teleport'])
  })
})
