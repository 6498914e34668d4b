import { BroadcastChannel } from 'node:worker_threads'
import { afterAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { keepAliveAgent, pooled, send } from '../support/http-client.js'
import { HttpOrigin, readBody } from '../support/http-origin.js'
import type { MarkerReport } from './filters/marker.js'

/** The promise is kept by what lies behind the acceptors: the portable one gets fewer. */
const SESSIONS = { uws: 10_000, node: 4_000 } as const
const CONNECTIONS = 400
const WORKERS = 2

const filters = compileFilters(new URL('./filters/marker.ts', import.meta.url))
afterAll(() => filters.remove())

/** Sixteen characters that no other request has. */
function markerOf(index: number): string {
  return `<marker-${String(index).padStart(7, '0')}>`
}

/** Most bodies fit one frame, some stream, some requests have none. */
function bodyOf(index: number): string | undefined {
  if (index % 5 === 0) return undefined
  return markerOf(index).repeat(index % 50 === 1 ? 3000 : 1 + (index % 64))
}

/** Asks the filters of all workers. */
async function reports(channel: BroadcastChannel): Promise<MarkerReport[]> {
  const answers: MarkerReport[] = []
  const all = new Promise<void>((resolve) => {
    channel.onmessage = ({ data }: { readonly data: unknown }) => {
      answers.push(data as MarkerReport)
      if (answers.length === WORKERS) resolve()
    }
  })
  channel.postMessage('report')
  await all
  return answers
}

describe.each(ACCEPTOR_KINDS)('sessions over %s', (acceptor) => {
  const sessions = SESSIONS[acceptor]

  it(`A-01 ${sessions} overlapping sessions never see each other, and none is left`, {
    timeout: 120_000,
  }, async () => {
    const origin = await HttpOrigin.start(async (request, response) => {
      const body = await readBody(request)
      const marker = String(request.headers['x-marker'])
      const context = String(request.headers['x-context'])
      const length = body.length > 0 && body.length % 32 === 0 ? { 'content-length': body.length } : {}
      response.writeHead(200, { 'x-marker': marker, 'x-context': context, ...length })
      response.end(body.length > 0 ? body : marker)
    })
    const channelName = `marker-${acceptor}-${process.pid}`
    const channel = new BroadcastChannel(channelName)
    const gateway = await InProcessGateway.start({
      acceptor,
      workers: WORKERS,
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        { upstream: 'app', filters: [{ use: filters.path('marker'), with: { channel: channelName } }] },
      ],
    })
    const agent = keepAliveAgent(CONNECTIONS)
    const wrong: string[] = []
    let mostInFlight = 0
    try {
      await pooled(sessions, CONNECTIONS, async (index) => {
        const marker = markerOf(index)
        const body = bodyOf(index)
        const chunked = body !== undefined && index % 40 === 3 ? { 'transfer-encoding': 'chunked' } : {}
        const outcome = await send(gateway.port, `/s/${index}`, {
          method: body === undefined ? 'GET' : 'POST',
          headers: { 'x-marker': marker, ...chunked },
          ...(body === undefined ? {} : { body }),
          agent,
        })
        mostInFlight = Math.max(mostInFlight, gateway.stats.inFlight)
        if (outcome.kind !== 'answer') {
          wrong.push(`${marker}: ${outcome.code} after ${outcome.status}`)
          return
        }
        const { headers } = outcome
        const seen = [headers['x-marker'], headers['x-context'], headers['x-answered']]
        const whole = outcome.body.toString('latin1') === (body ?? marker)
        if (outcome.status !== 200 || !whole || seen.some((value) => value !== marker)) {
          wrong.push(`${marker}: ${outcome.status} ${seen.join(' ')} body ${whole ? 'right' : 'wrong'}`)
        }
      })
      expect(wrong).toEqual([])
      expect(mostInFlight).toBeGreaterThan(CONNECTIONS / 4)

      const { inFlight, counters } = await gateway.settle()
      expect(inFlight).toBe(0)
      expect(counters).toMatchObject({
        requests: sessions,
        answered: sessions,
        aborted: 0,
        'status:2xx': sessions,
      })
      expect(origin.failures).toEqual([])

      let workers: readonly MarkerReport[] = []
      const total = (pick: (report: MarkerReport) => number): number =>
        workers.reduce((sum, report) => sum + pick(report), 0)
      // A session ends in its worker a moment after its client has the answer.
      await eventually('all sessions have ended in the workers', async () => {
        workers = await reports(channel)
        return total((report) => report.contextsFreed) >= sessions
      })
      expect(workers.flatMap((report) => report.mixedUp)).toEqual([])
      expect(total((report) => report.logged)).toBe(sessions)
      expect(total((report) => report.contextsMade)).toBe(sessions)
      expect(total((report) => report.contextsFreed)).toBe(sessions)
      expect(total((report) => report.undead)).toBe(0)
      expect(Math.min(...workers.map((report) => report.logged))).toBeGreaterThan(0)
    } finally {
      agent.destroy()
      channel.close()
      await gateway.close()
      await origin.close()
    }
  })
})
