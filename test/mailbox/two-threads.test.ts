import { expect, it } from 'vitest'
import { runTwoThreads } from './support/two-threads.js'

it.each([
  {
    name: 'small rings that are mostly full',
    capacitiesBytes: [4096, 16_384],
    startAt: [2 ** 32 - 1_000_000, 0],
  },
  { name: 'the rings of a worker', capacitiesBytes: [1 << 20, 1 << 21], startAt: [0, 2 ** 32 - 8_000_000] },
] as const)(
  'half a million frames go between two threads, in order, whole and without a lost wake-up: $name',
  async ({ capacitiesBytes, startAt }) => {
    const frames = 250_000
    const { reports } = await runTwoThreads({ frames, capacitiesBytes, startAt, timeoutMs: 25_000 })
    const [a, b] = reports
    expect([a.disorder, b.disorder]).toEqual([-1, -1])
    expect(a.received).toEqual(b.sent)
    expect(b.received).toEqual(a.sent)
    expect([a.received.count, b.received.count]).toEqual([frames, frames])
  },
)
