import { expect, it } from 'vitest'
import { runLoad } from '#src/load/index.js'
import { FreezingOrigin } from './freezing-origin.js'

const FREEZE_MS = 400

it('a server that stands still shows in the 99th percentile of an open loop, although few requests were under way', async () => {
  // A fifth of the run in the middle of it, begun by the request that falls there: nothing depends on this machine's speed.
  const origin = await FreezingOrigin.start({ atRequest: 400, freezeMs: FREEZE_MS })
  try {
    const report = await runLoad({
      url: origin.url,
      requests: [{ path: '/' }],
      loop: { kind: 'open', ratePerSecond: 500 },
      connections: 4,
      durationMs: 2000,
    })
    expect(report.requests).toBe(1000)
    expect(report.answered).toBe(1000)
    expect(report.response.p99Us).toBeGreaterThan(FREEZE_MS * 1000 * 0.8)
    // From the time they were written only the four under way waited: what a generator tells that waits for answers.
    const waited = FREEZE_MS * 1000 * 0.5
    expect(report.service.p99Us).toBeLessThan(waited)
    expect(report.service.maxUs).toBeGreaterThan(FREEZE_MS * 1000 * 0.9)
  } finally {
    await origin.stop()
  }
})
