import { describe, expect, it } from 'vitest'
import { choose } from '#src/tune/choose.js'
import { limitOf } from '#src/tune/limit.js'
import { reportText } from '#src/tune/report-text.js'
import { runTune } from '#src/tune/run-tune.js'
import { parseSlo } from '#src/tune/slo.js'
import type { Point } from '#src/tune/types.js'
import { CapacityModel } from './capacity-model.js'

function point(fields: Partial<Point>): Point {
  return {
    workers: 1,
    rounds: 3,
    perSecond: 1000,
    spread: 0.01,
    cpuUsPerRequest: 50,
    residentBytes: 100 * 2 ** 20,
    acceptorBusy: 0.5,
    workersBusy: 0.5,
    grantedShare: 1,
    machineBusy: 0.5,
    throttledShare: 0,
    preemptionsPerSecond: 0,
    generatorBusy: 0.3,
    errors: 0,
    latencies: { ratePerSecond: 700, p50Us: 1000, p90Us: 2000, p95Us: 3000, p99Us: 5000, p999Us: 9000 },
    doubts: [],
    ...fields,
  }
}

const at = (p99Us: number) => ({
  latencies: { ratePerSecond: 700, p50Us: 1000, p90Us: 2000, p95Us: 3000, p99Us, p999Us: 9000 },
})

describe('what limits a point', () => {
  it.each<[string, Partial<Point>]>([
    ['acceptor-bound', { acceptorBusy: 0.95, workersBusy: 0.95 }],
    ['worker-bound', { workersBusy: 0.95 }],
    ['upstream-bound', {}],
    ['cpu-starved', { acceptorBusy: 1, workersBusy: 1, machineBusy: 1, grantedShare: 0.5 }],
    ['cpu-starved', { throttledShare: 0.2 }],
    // Loops that have their cores are busy, not starved, however full the machine.
    ['worker-bound', { workersBusy: 1, machineBusy: 1, grantedShare: 0.98 }],
    ['generator-bound', { generatorBusy: 0.98 }],
  ])('%s', (limit, fields) => {
    expect(limitOf(point(fields))).toBe(limit)
  })
})

describe('the choice', () => {
  it('where two that keep the promise are equally fast, the one that costs less CPU per request wins', () => {
    const points = [
      point({ workers: 1, perSecond: 500, cpuUsPerRequest: 60, ...at(5000) }),
      point({ workers: 2, perSecond: 505, cpuUsPerRequest: 40, ...at(5000) }),
      point({ workers: 4, perSecond: 1000, ...at(90_000) }),
    ]
    expect(choose(points, parseSlo('p99<20ms'))).toMatchObject({ workers: 2, rule: 'fastest-within-slo' })
  })

  it('3 % is the border: at 2.9 % less the fewer are taken, at 3.1 % not', () => {
    const two = (perSecond: number) => [
      point({ workers: 1, perSecond }),
      point({ workers: 2, perSecond: 1000 }),
    ]
    expect(choose(two(971), null).workers).toBe(1)
    expect(choose(two(969), null).workers).toBe(2)
  })

  it('a latency that could not be measured is no reason against a count, but against confidence', () => {
    const choice = choose(
      [point({ latencies: null, doubts: ['the generator was late'] })],
      parseSlo('p99<20ms'),
    )
    expect(choice).toMatchObject({ workers: 1, meetsSlo: null, confidence: 'low' })
    expect(choice.doubts).toContain('the generator was late')
  })

  it('a count at which nothing was answered in time is not known to be slower', () => {
    const { confidence, doubts } = choose([point({ workers: 1, perSecond: 0 }), point({ workers: 2 })], null)
    expect([confidence, doubts[0]]).toEqual(['low', expect.stringContaining('1 could not be measured')])
  })

  it('failed requests and a single round lower the confidence', () => {
    expect(choose([point({ errors: 3 })], null)).toMatchObject({
      confidence: 'low',
      doubts: ['3 requests failed'],
    })
    expect(choose([point({ rounds: 1 })], null).confidence).toBe('medium')
  })
})

describe('p99<20ms', () => {
  it.each([
    ['p50<1ms', 'p50Us', 1000],
    ['p99.9<1.5s', 'p999Us', 1_500_000],
    ['p95 < 250us', 'p95Us', 250],
  ])('%s', (text, percentile, belowUs) => {
    expect(parseSlo(text)).toMatchObject({ percentile, belowUs })
  })

  it.each(['p98<1ms', 'p99<20', 'p99>20ms', 'p99<0ms', '', 'p99<-1ms'])('%s is refused', (text) => {
    expect(() => parseSlo(text)).toThrow()
  })
})

it('the report has plot, table, number, limit in words, and the law', async () => {
  const rig = new CapacityModel({ cores: 8, acceptorUs: 20, workerUs: 15 })
  const result = await runTune(rig, { counts: [1, 2, 3], rounds: 3, slo: parseSlo('p99<20ms') })
  const machine = {
    cores: 8,
    affinityCores: 8,
    quotaCores: null,
    memoryBytes: 2 ** 34,
    memoryLimitBytes: null,
    cpu: 'Test CPU, x64',
  }
  const text = reportText(result, parseSlo('p99<20ms'), machine)
  expect(text).toMatch(/◆.*●.*●/)
  expect(text).toMatch(/^\s+◆ 1 +50,000 .* acceptor-bound$/m)
  expect(text).toContain('workers: 1\n')
  expect(text).toContain('The fewest within 3 % of the fastest, and p99<20ms holds.')
  expect(text).toContain('acceptor-bound: The acceptor, the one thread that talks to clients')
  expect(text).toContain('2, 3 bring less than 3 % more')
  expect(text).toContain('confidence: high')
  expect(text).toContain('scaling law:')
})
