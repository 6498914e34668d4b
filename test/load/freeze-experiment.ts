import { HistogramLogReader } from 'hdr-histogram-js'
import { type LoadReport, runLoad } from '#src/load/index.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { FreezingOrigin } from './freezing-origin.js'

export interface FreezePlan {
  readonly ratePerSecond: number
  readonly seconds: number
  readonly freezeMs: number
}

/** What the gateway has measured itself. */
export interface SeenByGateway {
  readonly count: number
  readonly p99Us: number
  readonly p999Us: number
}

/**
 * wrk2's experiment through a gateway: its origin stands still in the middle of a run at a fixed rate. The generator has a connection for each request that
 * becomes due meanwhile. With fewer they would wait in front of the gateway, where only the generator can see them.
 */
export async function freezeExperiment({ ratePerSecond, seconds, freezeMs }: FreezePlan): Promise<{
  readonly report: LoadReport
  readonly total: SeenByGateway
  readonly upstream: SeenByGateway
}> {
  const requests = ratePerSecond * seconds
  const origin = await FreezingOrigin.start({ atRequest: Math.round(requests / 2), freezeMs })
  const gateway = await InProcessGateway.start({
    admin: '127.0.0.1:0',
    workers: 1,
    log: { access: false },
    upstreams: { app: { peers: [new URL(origin.url).host], retries: { max: 0 } } },
  })
  try {
    const report = await runLoad({
      url: `http://127.0.0.1:${gateway.port}`,
      requests: [{ path: '/' }],
      loop: { kind: 'open', ratePerSecond },
      connections: Math.ceil((ratePerSecond * freezeMs) / 1000) + 20,
      durationMs: seconds * 1000,
    })
    await gateway.settle()
    const { admin } = gateway.gateway
    const log = (await fetchAnswer(admin?.port ?? 0, '/histogram.hlog')).body.toString()
    return { report, total: seen(log, '/*:total'), upstream: seen(log, '/*:upstream') }
  } finally {
    await gateway.close()
    await origin.stop()
  }
}

function seen(log: string, tag: string): SeenByGateway {
  const reader = new HistogramLogReader(log)
  for (let next = reader.nextIntervalHistogram(); next !== null; next = reader.nextIntervalHistogram()) {
    if (next.tag !== tag) continue
    const at = (percentile: number): number => next.getValueAtPercentile(percentile)
    return { count: next.totalCount, p99Us: at(99), p999Us: at(99.9) }
  }
  throw new Error(`the log has no ${tag}`)
}
