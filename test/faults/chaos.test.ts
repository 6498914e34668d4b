import { afterAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { type HttpOutcome, keepAliveAgent, pooled, send } from '../support/http-client.js'
import { HttpOrigin, readBody } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const OPERATIONS = 600
const WIDTH = 40
/** One operation in this many ends a worker. */
const EXIT_EVERY = 120
const DOWNLOAD_BYTES = 1_000_000

const filters = compileFilters(new URL('./filters/evil.ts', import.meta.url))
afterAll(() => filters.remove())

/** Small and repeatable: the same seed gives the same mix. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** A request and an answer that belongs to it, or one of the gateway's own; or a connection that ended before that. */
function judge(what: string, outcome: HttpOutcome, wanted: Buffer, own: readonly number[]): string[] {
  if (outcome.kind === 'broken-off') return []
  if (outcome.status === 200) return outcome.body.equals(wanted) ? [] : [`${what}: not its own body`]
  return own.includes(outcome.status) ? [] : [`${what}: ${outcome.status} ${outcome.body.toString()}`]
}

describe.each(ACCEPTOR_KINDS)('chaos over %s', (acceptor) => {
  it('C16 requests = answered + aborted after any mixture of loads, departures and dying workers', {
    timeout: 120_000,
  }, async () => {
    const seed = Date.now() >>> 0
    const random = generator(seed)
    const origin = await HttpOrigin.start(async (request, response) => {
      if (request.url?.startsWith('/download') === true) response.end(Buffer.alloc(DOWNLOAD_BYTES, 'd'))
      else response.end(await readBody(request))
    })
    const gateway = await InProcessGateway.start({
      acceptor,
      upstreams: { app: { peers: [origin.address] } },
      routes: [
        { match: { path: '/evil/*' }, upstream: 'app', filters: [filters.path('evil')] },
        { match: { path: '/*' }, upstream: 'app' },
      ],
    })
    const agent = keepAliveAgent(WIDTH)
    const wrong: string[] = []
    let exits = 0

    const leave = async (
      head: string,
      enough: (client: RawClient) => boolean,
      rest: Buffer,
    ): Promise<void> => {
      const client = await RawClient.connect(gateway.port)
      await client.send(head)
      await client.send(rest)
      await client.until(() => enough(client) || client.closed, 20_000)
      await client.destroy(random() < 0.5)
    }
    const operate = async (index: number): Promise<void> => {
      if (index % EXIT_EVERY === EXIT_EVERY - 1) {
        exits += 1
        wrong.push(
          ...judge('exit', await send(gateway.port, '/evil/exits', { agent }), Buffer.alloc(0), [502, 503]),
        )
        return
      }
      const dice = random()
      if (dice < 0.3) {
        const body = Buffer.alloc(Math.floor(random() * 200_000), `body of ${index} `)
        const headers = random() < 0.3 ? { 'transfer-encoding': 'chunked' } : {}
        const outcome = await send(gateway.port, `/echo/${index}`, { method: 'POST', body, headers, agent })
        wrong.push(...judge(`echo ${index}`, outcome, body, [502, 503]))
      } else if (dice < 0.5) {
        const outcome = await send(gateway.port, '/download', { agent })
        wrong.push(...judge(`download ${index}`, outcome, Buffer.alloc(DOWNLOAD_BYTES, 'd'), [502, 503]))
      } else if (dice < 0.6) {
        const outcome = await send(gateway.port, '/evil/throws', { agent })
        wrong.push(...judge(`throws ${index}`, outcome, Buffer.alloc(0), [500, 502, 503]))
      } else if (dice < 0.7) {
        const get = `GET /download HTTP/1.1\r\nHost: a\r\n\r\n`
        await leave(
          get,
          (client) => client.receivedBytes > 20_000 || /^HTTP\/1\.1 50/.test(client.text),
          Buffer.alloc(0),
        )
      } else if (dice < 0.8) {
        const post = `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n`
        await leave(post, () => true, Buffer.alloc(Math.floor(random() * 400_000)))
      } else {
        const outcome = await send(gateway.port, `/${index}`, { agent })
        wrong.push(...judge(`get ${index}`, outcome, Buffer.alloc(0), [502, 503]))
      }
    }
    try {
      await pooled(OPERATIONS, WIDTH, operate)
      expect(wrong, `seed ${seed}`).toEqual([])
      await eventually('both workers are back and serve', async () => {
        const outcomes = await Promise.all(Array.from({ length: 8 }, () => send(gateway.port, '/')))
        return outcomes.every((outcome) => outcome.kind === 'answer' && outcome.status === 200)
      })
      const { counters } = await gateway.settle()
      expect(counters.worker_restarts).toBeGreaterThan(0)
      expect(counters.worker_restarts).toBeLessThanOrEqual(exits)
      expect(counters.aborted).toBeGreaterThan(0)
      agent.destroy()
      await eventually('nothing is under way at the origin', () => origin.open === 0)
      expect(origin.failures).toEqual([])
    } finally {
      agent.destroy()
      await gateway.close()
      await origin.close()
    }
  })
})
