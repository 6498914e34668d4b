import type { CpuInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { TuneProgress } from '#src/cli/tune-progress.js'
import { CoreTimes, parseCoreList } from '#src/tune/core-times.js'
import { searchCounts, searchLength, workerCounts } from '#src/tune/counts.js'
import { Remaining, shortDuration } from '#src/tune/remaining.js'
import { type Interval, steadyWindow } from '#src/tune/steady-window.js'

const INTERVAL: Interval = {
  elapsedMs: 100,
  requests: 1000,
  cpuUs: 150_000,
  preemptions: 2,
  acceptorBusy: 0.6,
  workersBusy: [0.8, 1],
  coresBusy: 3,
  cores: 4,
  throttledUs: 10_000,
}
const IDLE = { ...INTERVAL, requests: 10, cpuUs: 1000, acceptorBusy: 0, workersBusy: [0, 0], coresBusy: 0 }

describe('what is measured while the load is on', () => {
  it('is summed up without its start and end', () => {
    const window = steadyWindow([IDLE, INTERVAL, { ...INTERVAL, acceptorBusy: 0.8 }, IDLE])
    expect(window.cpuUsPerRequest).toBeCloseTo(150)
    expect(window.acceptorBusy).toBeCloseTo(0.7)
    expect(window.workersBusy).toBeCloseTo(0.9)
    // 1.5 cores of the 2.5 that the loops wanted.
    expect(window.grantedShare).toBeCloseTo(1.5 / 2.5, 3)
    expect(window.machineBusy).toBeCloseTo(0.75)
    expect(window.throttledShare).toBeCloseTo(0.1)
    expect(window.preemptionsPerSecond).toBeCloseTo(20)
  })

  it('is nothing without a request', () => {
    expect(steadyWindow([])).toMatchObject({ cpuUsPerRequest: 0, grantedShare: 1 })
    expect(steadyWindow([{ ...INTERVAL, requests: 0 }])).toMatchObject({ cpuUsPerRequest: 0 })
  })

  it('counts the cores that the process may run on', () => {
    const core = (idle: number, user: number): CpuInfo => ({
      model: '',
      speed: 0,
      times: { idle, user, nice: 0, sys: 0, irq: 0 },
    })
    let now = [core(0, 0), core(0, 0), core(0, 0)]
    const times = new CoreTimes(() => now, parseCoreList('0,2'))
    now = [core(50, 50), core(0, 100), core(75, 25)]
    expect(times.since()).toEqual({ busy: 0.75, cores: 2 })
    expect(parseCoreList('0-2,5')).toEqual(new Set([0, 1, 2, 5]))
  })
})

describe('the counts', () => {
  it.each([
    [1, [1, 2]],
    [2, [1, 2, 3]],
    [4, [1, 2, 3, 4, 6]],
    [5, [1, 2, 3, 4, 6, 7]],
    [16, [1, 2, 3, 4, 6, 8, 12, 16, 24]],
  ])('on %i cores', (cores, counts) => {
    expect(workerCounts(cores)).toEqual(counts)
  })

  it.each([1, 3, 16, 40, 96])('a search finds a flat top that begins at %i', async (knee) => {
    const counts = workerCounts(64)
    const asked: number[] = []
    const perSecond = async (workers: number) => {
      asked.push(workers)
      return Math.min(workers, knee)
    }
    await searchCounts(counts, perSecond, 0.03)
    const fewest = counts.find((count) => Math.min(count, knee) >= Math.min(96, knee) * 0.97)
    expect(asked).toContain(fewest)
    expect(asked.length).toBeLessThanOrEqual(searchLength(counts))
  })
})

describe('progress', () => {
  it('counts down, and learns how long a measurement takes', () => {
    const remaining = new Remaining(10_000, 0)
    expect(remaining.estimateMs(0, 4, 0)).toBe(40_000)
    expect(remaining.estimateMs(0, 4, 4000)).toBe(36_000)
    expect(remaining.estimateMs(1, 4, 20_000)).toBe(60_000)
    expect(remaining.estimateMs(1, 4, 25_000)).toBe(55_000)
    expect(remaining.estimateMs(3, 4, 99_000)).toBe(33_000)
    expect(remaining.estimateMs(3, 4, 999_000)).toBe(0)
    expect([shortDuration(44_600), shortDuration(130_000)]).toEqual(['45 s', '2 min 10 s'])
  })

  it('is one line that is drawn over on a terminal, and a line a measurement elsewhere', () => {
    const written: string[] = []
    const output = { columns: 60, write: (text: string) => written.push(text) > 0 }
    const now = { done: 1, total: 4, workers: 2, round: 1, step: 'closed loop' }
    const terminal = new TuneProgress({ ...output, isTTY: true }, 1000, () => 0)
    terminal.show(now)
    const [line = ''] = written
    expect(line.startsWith('\r\x1b[K█████░')).toBe(true)
    expect(line).toContain(' 1/4, about 0 s left: 2 workers')
    expect(line.length).toBeLessThan(60 + '\r\x1b[K'.length)
    terminal.clear()
    expect(written.at(-1)).toBe('\r\x1b[K')
    written.length = 0
    const file = new TuneProgress({ ...output, isTTY: false }, 1000, () => 0)
    file.show(now)
    file.show({ ...now, step: 'open loop' })
    file.show({ ...now, done: 2, workers: 3 })
    expect(written).toEqual([
      '█████░░░░░░░░░░░░░░░ 1/4, about 0 s left: 2 workers, round 1: closed loop\n',
      '██████████░░░░░░░░░░ 2/4, about 0 s left: 3 workers, round 1: closed loop\n',
    ])
  })
})
