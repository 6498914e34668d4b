import { describe, expect, it } from 'vitest'
import { benchModule } from './bench-module.js'

interface Round {
  readonly closed: { readonly perSecond: number; readonly void: readonly string[] }
  readonly open: { readonly response: { readonly p95Us: number }; readonly void: readonly string[] }
}

interface Verdict {
  readonly passed: boolean
  readonly changes: readonly {
    readonly what: string
    readonly ratio: number | null
    readonly failed: boolean
  }[]
}

const { judge } = (await benchModule('lib/verdict.mjs')) as {
  judge(measured: { base: readonly Round[]; candidate: readonly Round[] }): Verdict
}

function round(perSecond: number, p95Us: number, why: readonly string[] = []): Round {
  return { closed: { perSecond, void: why }, open: { response: { p95Us }, void: why } }
}

const BASE = [round(1000, 5000), round(500, 9000), round(2000, 2000)]

/** As the machine went, times a factor. */
function scaled(throughput: number, p95: number): Round[] {
  return BASE.map(({ closed, open }) => round(closed.perSecond * throughput, open.response.p95Us * p95))
}

describe('regression gate', () => {
  it('passes what is the same, however much the machine varied between rounds', () => {
    expect(judge({ base: BASE, candidate: scaled(1, 1) }).passed).toBe(true)
    expect(judge({ base: BASE, candidate: scaled(0.96, 1.09) }).passed).toBe(true)
  })

  it('fails more than 5 % of throughput lost', () => {
    const { passed, changes } = judge({ base: BASE, candidate: scaled(0.94, 1) })
    expect(passed).toBe(false)
    expect(changes.map(({ what, failed }) => [what, failed])).toEqual([
      ['throughput', true],
      ['p95', false],
    ])
  })

  it('fails a p95 more than 10 % higher, and not one that is lower', () => {
    expect(judge({ base: BASE, candidate: scaled(1, 1.11) }).passed).toBe(false)
    expect(judge({ base: BASE, candidate: scaled(1.5, 0.5) }).passed).toBe(true)
  })

  it('takes the median: one bad round does not decide', () => {
    const candidate = scaled(1, 1)
    candidate[1] = round(100, 90_000)
    expect(judge({ base: BASE, candidate }).passed).toBe(true)
  })

  it('leaves void rounds out with their partners, and with too few left there is no pass', () => {
    const candidate = scaled(1, 1)
    candidate[0] = round(1, 1, ['the generator was late itself'])
    const { passed, changes } = judge({ base: BASE, candidate })
    expect(passed).toBe(false)
    expect(changes[0]?.ratio).toBeNull()
  })
})
