import { describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import { type HttpAnswer, type HttpOutcome, keepAliveAgent, pooled, send } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const SESSIONS = 4

function statuses(outcomes: readonly HttpOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) {
    const key = outcome.kind === 'answer' ? String(outcome.status) : outcome.code
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

async function withGateway(
  config: Omit<TestConfig, 'upstreams'>,
  handler: OriginHandler,
  run: (gateway: InProcessGateway, origin: HttpOrigin) => Promise<void>,
): Promise<void> {
  const origin = await HttpOrigin.start(handler)
  const gateway = await InProcessGateway.start({ ...config, upstreams: { app: { peers: [origin.address] } } })
  try {
    await run(gateway, origin)
    await gateway.settle()
  } finally {
    await gateway.close()
    await origin.close()
  }
}

describe.each(ACCEPTOR_KINDS)('saturation over %s', (acceptor) => {
  const limited = { acceptor, workers: 1, limits: { sessions: SESSIONS }, overload: { queue: 0 } }

  it('C5 requests beyond the sessions of all workers get 503 at once, and the others their answers', async () => {
    const held: (() => void)[] = []
    const handler: OriginHandler = (_, response) => void held.push(() => void response.end('held'))
    await withGateway(limited, handler, async (gateway) => {
      const within = Array.from({ length: SESSIONS }, () => send(gateway.port, '/'))
      await eventually('the gateway is full', () => held.length === SESSIONS)
      // With all kinds of bodies, since nobody reads them.
      const beyond = await Promise.all(
        Array.from({ length: 18 }, (_, index) => {
          if (index % 3 === 0) return send(gateway.port, '/')
          const headers = index % 3 === 1 ? {} : { 'transfer-encoding': 'chunked' }
          return send(gateway.port, '/', { method: 'POST', headers, body: Buffer.alloc(20_000) })
        }),
      )
      expect(statuses(beyond)).toEqual({ 503: 18 })
      for (const answer of beyond as HttpAnswer[]) {
        expect(answer.headers['retry-after']).toBe('1')
        expect(answer.headers['proxy-status']).toBe('headgate; error=connection_limit_reached')
        expect(JSON.parse(answer.body.toString())).toMatchObject({
          error: 'service_unavailable',
          status: 503,
        })
      }
      expect(held).toHaveLength(SESSIONS)
      for (const answer of held.splice(0)) answer()
      expect(statuses(await Promise.all(within))).toEqual({ 200: SESSIONS })

      const again = Array.from({ length: SESSIONS }, () => send(gateway.port, '/'))
      await eventually('there is room again', () => held.length === SESSIONS)
      for (const answer of held.splice(0)) answer()
      expect(statuses(await Promise.all(again))).toEqual({ 200: SESSIONS })
      const { counters } = await gateway.settle()
      expect(counters).toMatchObject({
        requests: 18 + 2 * SESSIONS,
        answered: 18 + 2 * SESSIONS,
        'error:connection_limit_reached': 18,
      })
    })
  })

  it('C5 a flood far beyond the limit is answered request by request, and none hangs', {
    timeout: 60_000,
  }, async () => {
    const agent = keepAliveAgent(100)
    await withGateway(
      limited,
      (_, response) => void response.end('fine'),
      async (gateway) => {
        const outcomes: HttpOutcome[] = []
        await pooled(2_000, 100, async () => void outcomes.push(await send(gateway.port, '/', { agent })))
        const { 200: fine = 0, 503: full = 0, ...others } = statuses(outcomes)
        expect(others).toEqual({})
        expect(fine + full).toBe(2_000)
        expect(Math.min(fine, full)).toBeGreaterThan(0)
        expect((await gateway.settle()).counters).toMatchObject({
          requests: 2_000,
          answered: 2_000,
          aborted: 0,
        })
      },
    )
    agent.destroy()
  })

  it('B7 connections beyond the limit are closed at once, those within it are served', async () => {
    const connections = 10
    const config = { acceptor, limits: { connections } }
    await withGateway(
      config,
      (_, response) => void response.end('fine'),
      async (gateway) => {
        const within: RawClient[] = []
        for (let i = 0; i < connections; i += 1) {
          const client = await RawClient.connect(gateway.port)
          await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
          await client.readResponses()
          within.push(client)
        }
        for (let i = 0; i < connections; i += 1) {
          const client = await RawClient.connect(gateway.port)
          expect(await client.untilClosed(20_000)).toBe(true)
          await client.destroy()
        }
        for (const client of within) {
          await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
          const { responses } = await client.readResponses(2)
          expect(responses.map((response) => response.status)).toEqual([200, 200])
          await client.destroy()
        }
        await eventually('there is room again', async () => (await send(gateway.port, '/')).kind === 'answer')
      },
    )
  })
})
