import type { Agent } from 'node:http'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayCounter } from '#src/session/counters.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { Progress, pour } from '../support/big-body.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { FaultyLink, type LinkToxics } from '../support/faulty-link.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, keepAliveAgent, pooled, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

conserved()

const MIB = 1024 * 1024
const SESSIONS = 8
const BODY_BYTES = 32 * MIB
const BYTES_PER_S = 32 * 1024
const NO_EJECTION = { maxShare: '0%' } as const
let origin: HttpOrigin

beforeAll(async () => {
  origin = await HttpOrigin.start(async (request, response) => {
    const [, what = '', size = '0'] = (request.url ?? '').split('/')
    response.setHeader('X-Seen', request.headers['x-request-id'] ?? '')
    if (what === 'length') response.setHeader('Content-Length', size)
    if (what === 'closes') response.setHeader('Connection', 'close')
    if (what === 'trailers') response.setHeader('Trailer', 'X-Digest')
    if (what === 'takes') {
      for await (const _ of request);
      return void response.end('taken')
    }
    await pour(Number(size), response, new Progress())
    if (what === 'trailers') response.addTrailers({ 'X-Digest': 'abc' })
    response.end()
    // Says nothing of it: whoever keeps the connection finds it closed.
    if (what === 'leaves') response.once('finish', () => request.socket.end())
  })
})
afterAll(() => origin.close())

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}

describe.each(ACCEPTOR_KINDS)('an upstream behind a faulty link, through %s', (acceptor) => {
  let link: FaultyLink
  /** The other peer of the faulty one where there are two. */
  let other: FaultyLink
  let gateway: InProcessGateway
  let agent: Agent
  let before: Readonly<Record<GatewayCounter, number>>

  beforeAll(async () => {
    link = await FaultyLink.start(origin.port)
    other = await FaultyLink.start(origin.port)
    gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      upstreams: {
        app: { peers: [link.address], ejection: NO_EJECTION },
        pair: { peers: [link.address, other.address], balance: 'round-robin', ejection: NO_EJECTION },
        fine: { peers: [origin.address] },
      },
      routes: [
        { match: { host: 'pair.test' }, upstream: 'pair' },
        { match: { host: 'fine.test' }, upstream: 'fine' },
        { upstream: 'app' },
      ],
    })
  })
  afterAll(async () => {
    await gateway.close()
    await link.close()
    await other.close()
  })
  afterEach(() => agent.destroy())

  function use(toxics: LinkToxics, maxSockets = 1): void {
    link.use(toxics)
    other.use({})
    agent = keepAliveAgent(maxSockets)
    before = { ...gateway.stats.counters }
  }

  const counted = (name: GatewayCounter): number => (gateway.stats.counters[name] ?? 0) - (before[name] ?? 0)

  it.each([
    ['A9 A13 a reset in the middle of a body', { reset: 300_000 }, 'length'],
    ['A9 A13 a reset in the middle of a body', { reset: 300_000 }, 'chunked'],
    ['A5 A13 the end in the middle of a body', { limit: 300_000 }, 'length'],
    ['A6 A13 the end between two chunks or within one', { limit: 300_000 }, 'chunked'],
  ] as const)(
    '%s (%j, %s) breaks it off for the client too, is counted, and is asked of no other peer',
    async (_, down, framing) => {
      use({ down })
      const ask = { headers: { host: 'pair.test' } }
      // One of the two begins at the other peer.
      const path = `/${framing}/${MIB}`
      const outcomes = [await send(gateway.port, path, ask), await send(gateway.port, path, ask)]
      const whole = outcomes.find(({ kind }) => kind === 'answer')
      const broken = outcomes.find(({ kind }) => kind === 'broken-off')
      expect(whole).toMatchObject({ status: 200, body: { length: MIB } })
      // A reset may overtake the head on its way to the client.
      expect(broken).toBeDefined()
      await eventually('it is counted', () => counted('error:http_response_incomplete') === 1)
      await gateway.settle()
      expect(
        ['requests', 'answered', 'aborted', 'retries'].map((name) => counted(name as GatewayCounter)),
      ).toEqual([2, 1, 1, 0])
      expect([link.accepted, other.accepted]).toEqual([1, 1])
    },
  )

  it('slices of one byte are read as what they are: head, chunks and trailers', async () => {
    use({ down: { slice: 1 }, up: { slice: 1 } })
    for (const what of ['length', 'chunked', 'trailers']) {
      for (const size of [0, 1, 300, 2000]) {
        const { status, headers, body } = await fetchAnswer(gateway.port, `/${what}/${size}`, { agent })
        expect([status, body.length]).toEqual([200, size])
        expect(headers['x-seen']).toBe(headers['x-request-id'])
      }
    }
    const post = { method: 'POST', body: 'x'.repeat(1000), agent }
    expect((await fetchAnswer(gateway.port, '/takes', post)).body.toString()).toBe('taken')
    // Nothing was left over behind any of them.
    expect(link.accepted).toBe(1)
  })

  it('that closes late behind its answers delays no client, and is not waited for', async () => {
    use({ down: { slowClose: 3000 } })
    const tookMs: number[] = []
    for (let i = 0; i < 10; i += 1) {
      const startMs = performance.now()
      const { status, body } = await fetchAnswer(gateway.port, '/closes/20000', { agent })
      tookMs.push(performance.now() - startMs)
      expect([status, body.length]).toEqual([200, 20_000])
    }
    expect(Math.max(...tookMs)).toBeLessThan(2000)
    // It had said that it would close: none was used again.
    expect(link.accepted).toBe(10)
    await eventually('the gateway has closed its ends', () => link.connections === 0)
  })

  it('A11 that leaves without a word, of which is heard late, fails no GET', async () => {
    use({ down: { slowClose: 30 } }, 2)
    await pooled(60, 2, async () => {
      const { status, body } = await fetchAnswer(gateway.port, '/leaves/100', { agent })
      expect([status, body.length]).toEqual([200, 100])
    })
    await gateway.settle()
    expect(counted('answered')).toBe(60)
    // It did leave.
    expect(link.accepted).toBeGreaterThan(10)
  })

  it('with a latency that varies mixes no answers up', async () => {
    const latency = { ms: 30, jitterMs: 30 }
    use({ down: { latency }, up: { latency } }, 40)
    const asked = Array.from({ length: 40 }, (_, index) =>
      fetchAnswer(gateway.port, `/length/${index}`, { agent }),
    )
    for (const [index, { headers, body }] of (await Promise.all(asked)).entries()) {
      expect(body.length).toBe(index)
      expect(headers['x-seen']).toBe(headers['x-request-id'])
    }
  })

  /** Asks a neighbour on the same worker. @returns the median, ms */
  async function neighbourMs(): Promise<number> {
    const tookMs: number[] = []
    for (let i = 0; i < 30; i += 1) {
      const startMs = performance.now()
      const { status } = await fetchAnswer(gateway.port, '/length/100', {
        agent,
        headers: { host: 'fine.test' },
      })
      tookMs.push(performance.now() - startMs)
      expect(status).toBe(200)
    }
    return median(tookMs)
  }

  /** Sessions with a large body each, most of which has to wait. */
  async function crowd(head: string, sendsBody: boolean): Promise<void> {
    const aloneMs = await neighbourMs()
    const rssBytes = process.memoryUsage.rss()
    const sockets = Array.from({ length: SESSIONS }, () => connect(gateway.port, '127.0.0.1'))
    const sent = sockets.map((socket) => {
      const progress = new Progress()
      socket.on('error', () => undefined)
      socket.write(head)
      if (sendsBody) void pour(BODY_BYTES, socket, progress)
      else socket.resume()
      return progress
    })
    // In the rush that fills the buffers of all the sockets on the way nobody is refused.
    await neighbourMs()
    let was = -1
    let quietLooks = 0
    await eventually('no more is taken than passes through', async () => {
      const bytes = sent.reduce((sum, progress) => sum + progress.bytes, 0)
      quietLooks = was === bytes ? quietLooks + 1 : 0
      was = bytes
      await new Promise((resolve) => setTimeout(resolve, 100))
      return quietLooks >= 4 && link.passed.down + link.passed.up > SESSIONS * 1000
    })
    expect(await neighbourMs()).toBeLessThan(Math.max(30, aloneMs * 10))
    // Half of what is to be sent would be in here.
    expect(process.memoryUsage.rss() - rssBytes).toBeLessThan((SESSIONS * BODY_BYTES) / 2)
    expect(gateway.stats.counters['rejected:queue_full'] ?? 0).toBe(0)
    if (sendsBody) expect(sent.filter(({ bytes }) => bytes < BODY_BYTES)).toHaveLength(SESSIONS)
    for (const socket of sockets) socket.destroy()
    // What a client has sent before it left is all read first, and its end is behind it: that would take minutes.
    link.use({})
    await gateway.settle()
  }

  it('A15 one that sends little at a time holds neither its neighbours nor memory', async () => {
    use({ down: { bandwidth: BYTES_PER_S } })
    await crowd(`GET /length/${BODY_BYTES} HTTP/1.1\r\nHost: a\r\n\r\n`, false)
  })

  it('that takes little at a time holds its clients back, and neither their neighbours nor memory', async () => {
    use({ up: { bandwidth: BYTES_PER_S } })
    await crowd(`POST /takes HTTP/1.1\r\nHost: a\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`, true)
  })
})
