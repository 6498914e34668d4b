import { runLoad, startMockOrigin } from '../../dist/load/index.js'

/** The experiment that an honest generator passes: a server that stands still for 1.4 s of 30. */
export const FREEZE = { seconds: 30, freezeMs: 1400, ratePerSecond: 2000, connections: 32 }

/**
 * Freezes the origin (SIGSTOP) in the middle of a run. Nearly 5 % of the requests fall into the freeze and wait for up to 1.4 s, so the
 * 99th percentile is above 1 s; a generator that waits for answers before it asks again shows milliseconds.
 */
export async function freezeExperiment({ seconds, freezeMs, ratePerSecond, connections } = FREEZE) {
  const origin = await startMockOrigin({})
  try {
    const base = {
      url: origin.url,
      requests: [{ path: '/' }],
      connections,
      durationMs: seconds * 1000,
      timeoutMs: 20_000,
    }
    const frozen = async (loop) => {
      const run = runLoad({ ...base, loop })
      await sleep((seconds * 1000) / 2)
      process.kill(origin.pid, 'SIGSTOP')
      await sleep(freezeMs)
      process.kill(origin.pid, 'SIGCONT')
      return run
    }
    const open = await frozen({ kind: 'open', ratePerSecond })
    return {
      seconds,
      freezeMs,
      ratePerSecond,
      responseP99Us: open.response.p99Us,
      serviceP99Us: open.service.p99Us,
      refusals: open.refusals,
    }
  } finally {
    await origin.stop()
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
