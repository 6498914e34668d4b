import { expect, it } from 'vitest'
import { runLoad } from '#src/load/index.js'
import { FreezingOrigin } from '../load/freezing-origin.js'

it('a freeze of 1.4 s in 30 s at 2,000 requests/s shows a 99th percentile above 1 s', async () => {
  const origin = await FreezingOrigin.start({ atRequest: 20_000, freezeMs: 1400 })
  try {
    const report = await runLoad({
      url: origin.url,
      requests: [{ path: '/' }],
      loop: { kind: 'open', ratePerSecond: 2000 },
      connections: 32,
      durationMs: 30_000,
    })
    expect(report.answered).toBe(60_000)
    expect(report.response.p99Us).toBeGreaterThan(1_000_000)
    expect(report.refusals).toEqual([])
    // What a generator tells that waits for its answers: 32 slow ones of 60,000 are no 99th percentile.
    expect(report.service.p99Us).toBeLessThan(500_000)
  } finally {
    await origin.stop()
  }
})
