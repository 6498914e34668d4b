import { expect, it } from 'vitest'
import { freezeExperiment } from './freeze-experiment.js'

it('the gateway itself sees the freeze of its origin in its percentiles, for every request that waited', async () => {
  const { report, total, upstream } = await freezeExperiment({
    ratePerSecond: 250,
    seconds: 2,
    freezeMs: 400,
  })
  expect(report.answered).toBe(500)
  expect(total.count).toBe(500)
  expect(total.p999Us).toBeGreaterThan(400_000 * 0.9)
  expect(upstream.p999Us).toBeGreaterThan(400_000 * 0.9)
  // A fifth of all were due while it stood still: not one slow request, as a closed loop would have it.
  expect(total.p99Us).toBeGreaterThan(400_000 * 0.7)
})
