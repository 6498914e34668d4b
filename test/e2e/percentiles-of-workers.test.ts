import { HistogramLogReader } from 'hdr-histogram-js'
import { describe, expect, it } from 'vitest'
import { runLoad, startMockOrigin } from '#src/load/index.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'

describe.each(ACCEPTOR_KINDS)('A-42 under load with four workers over %s', (acceptor) => {
  it('every finished session stands in total, upstream and queue, and nobody was quicker than the gateway says', async () => {
    const origin = await startMockOrigin({ bodyBytes: 100 })
    const gateway = await InProcessGateway.start({
      acceptor,
      admin: '127.0.0.1:0',
      workers: 4,
      upstreams: { app: { peers: [`127.0.0.1:${origin.port}`] } },
    })
    try {
      const report = await runLoad({
        url: `http://127.0.0.1:${gateway.port}`,
        requests: [{ path: '/' }],
        loop: { kind: 'closed' },
        connections: 16,
        durationMs: 1000,
      })
      const { counters } = await gateway.settle()
      expect(report.answered).toBeGreaterThan(100)
      expect(counters.requests).toBe(report.answered)
      const { admin } = gateway.gateway
      const { answered } = report
      const counts: Record<string, number> = {}
      let p50Us = 0
      // A worker records a session when it has heard that the answer went out: the last ones a moment after the acceptor's counters.
      await eventually('all are recorded', async () => {
        const log = (await fetchAnswer(admin?.port ?? 0, '/histogram.hlog?route=/*')).body.toString()
        const reader = new HistogramLogReader(log)
        for (
          let next = reader.nextIntervalHistogram();
          next !== null;
          next = reader.nextIntervalHistogram()
        ) {
          const phase = next.tag.split(':')[1] ?? ''
          counts[phase] = next.totalCount
          // Not the total, which ends when the acceptor has looked at its clock: a client may have its answer by then.
          if (phase === 'upstream') p50Us = next.getValueAtPercentile(50)
        }
        return ['queue', 'upstream', 'total', 'overhead'].every((phase) => (counts[phase] ?? 0) >= answered)
      })
      expect(counts).toMatchObject({
        total: answered,
        upstream: answered,
        queue: answered,
        overhead: answered,
      })
      expect(p50Us).toBeLessThanOrEqual(report.service.p50Us)
      const workers = JSON.parse((await fetchAnswer(admin?.port ?? 0, '/workers')).body.toString())
      expect(workers.map(({ state }: { state: string }) => state)).toEqual([
        'ready',
        'ready',
        'ready',
        'ready',
      ])
    } finally {
      await gateway.close()
      await origin.stop()
    }
  })
})
