import { runLoad, startMockOrigin } from '../../dist/load/index.js'
import { median } from './stats.mjs'

/** Of what the generator does in a closed loop with a whole core. In an open loop it also keeps time, and must have most of its time to spare. */
const SHARE = 0.4

/** The most that the open loop offers on this machine, requests a second: beyond it the generator would refuse its own rounds. */
export async function generatorCeiling() {
  const origin = await startMockOrigin({})
  try {
    const full = []
    for (let round = 0; round < 3; round += 1) {
      const { perSecond, generator } = await runLoad({
        url: origin.url,
        requests: [{ path: '/' }],
        loop: { kind: 'closed' },
        connections: 64,
        durationMs: 700,
      })
      full.push(perSecond / Math.max(0.1, generator.cpuShare))
    }
    return Math.round(median(full) * SHARE)
  } finally {
    await origin.stop()
  }
}
