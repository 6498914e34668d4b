import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { HttpOrigin } from '../support/http-origin.js'
import type { LogLine } from '../support/log-lines.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const LARGE_BYTES = 12 * 1024 * 1024

/** An origin whose answers wait for a word of the test. */
class HoldingOrigin {
  readonly origin: HttpOrigin
  readonly #held: (() => void)[]

  private constructor(origin: HttpOrigin, held: (() => void)[]) {
    this.origin = origin
    this.#held = held
  }

  static async start(): Promise<HoldingOrigin> {
    const held: (() => void)[] = []
    const origin = await HttpOrigin.start((request, response) => {
      if (request.url === '/quick') response.end('quick')
      else if (request.url === '/large') response.end(Buffer.alloc(LARGE_BYTES, 'l'))
      else held.push(() => void response.end('held'))
    })
    return new HoldingOrigin(origin, held)
  }

  async untilHolding(count: number): Promise<void> {
    await eventually(`the origin holds ${count} requests`, () => this.#held.length === count)
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer()
  }
}

async function ask(port: number, path: string): Promise<RawClient> {
  const client = await RawClient.connect(port)
  await client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
  return client
}

async function askMany(port: number, path: string, count: number): Promise<RawClient[]> {
  return await Promise.all(Array.from({ length: count }, () => ask(port, path)))
}

/** Why a new connection is not to be had, or null if it is. */
async function refusal(port: number): Promise<string | null> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown'
  } finally {
    socket.destroy()
  }
}

const isSession = (line: LogLine): boolean => line.msg === 'session'

describe.each(ACCEPTOR_KINDS)('stopping over %s', (acceptor) => {
  let holding: HoldingOrigin
  let config: TestConfig

  beforeEach(async () => {
    holding = await HoldingOrigin.start()
    config = { acceptor, upstreams: { app: { peers: [holding.origin.address] } } }
  })
  afterEach(async () => {
    await holding.origin.close()
  })

  it('C7 SIGTERM with 100 in flight and idle connections: all are answered, each is logged, exit 0', {
    timeout: 60_000,
  }, async () => {
    const gateway = await GatewayProcess.start(config)
    try {
      const idle = await askMany(gateway.port, '/quick', 20)
      for (const client of idle) await client.readResponses()
      const clients = await askMany(gateway.port, '/held', 100)
      await holding.untilHolding(100)

      gateway.signal('SIGTERM')
      await eventually(
        'new connections are refused',
        async () => (await refusal(gateway.port)) === 'ECONNREFUSED',
      )
      expect(clients.every((client) => client.receivedBytes === 0 && !client.closed)).toBe(true)
      holding.release()

      for (const client of clients) {
        const { responses, problem } = await client.readResponses(1, [], 20_000)
        expect(problem).toBeNull()
        expect(responses.map(({ status, body }) => `${status} ${body.toString()}`)).toEqual(['200 held'])
        expect(responses[0]?.header('connection')).toBe('close')
        expect(await client.untilClosed(20_000)).toBe(true)
        expect(client.errorCode).toBeNull()
      }
      for (const client of idle) expect(await client.untilClosed(20_000)).toBe(true)
      expect(await gateway.exit).toEqual({ code: 0, signal: null })
      expect(gateway.log.saying('no session was lost')).toHaveLength(1)
      const logged = gateway.log.having(isSession)
      expect(logged).toHaveLength(120)
      expect(new Set(logged.map((line) => line['reqId'])).size).toBe(120)
      expect(logged.filter((line) => line['status'] !== 200)).toEqual([])
      for (const client of [...idle, ...clients]) await client.destroy()
    } finally {
      await gateway.close()
    }
  })

  it('C7 a client that reads slowly still gets all of its answer after SIGTERM', async () => {
    const gateway = await GatewayProcess.start(config)
    try {
      const client = await ask(gateway.port, '/large')
      await client.until(() => client.receivedBytes > 0)
      client.pauseReading()
      gateway.signal('SIGTERM')
      await eventually(
        'new connections are refused',
        async () => (await refusal(gateway.port)) === 'ECONNREFUSED',
      )
      client.resumeReading()
      await client.untilClosed(20_000)
      const { responses, problem } = client.responses()
      expect(problem).toBeNull()
      expect(responses[0]?.complete).toBe(true)
      expect(responses[0]?.body.length).toBe(LARGE_BYTES)
      expect(await gateway.exit).toEqual({ code: 0, signal: null })
      await client.destroy()
    } finally {
      await gateway.close()
    }
  })

  it('C7 a second SIGTERM cuts what is left, counts and logs it, and exits with 1', async () => {
    const gateway = await GatewayProcess.start(config)
    try {
      const clients = await askMany(gateway.port, '/held', 10)
      await holding.untilHolding(10)
      gateway.signal('SIGTERM')
      await gateway.log.until((line) => line.msg?.startsWith('SIGTERM: finishing') === true)
      gateway.signal('SIGTERM')
      expect(await gateway.exit).toEqual({ code: 1, signal: null })
      for (const client of clients) {
        expect(await client.untilClosed()).toBe(true)
        expect(client.receivedBytes).toBe(0)
        await client.destroy()
      }
      expect(gateway.log.having((line) => line['lost'] === 10)).toHaveLength(1)
      // a session that is cut off at shutdown ends like any other.
      const ends = gateway.log.having(isSession).map((line) => line['code'])
      expect(ends).toEqual(Array.from({ length: 10 }, () => 'HG_CLIENT_ABORTED'))
    } finally {
      await gateway.close()
    }
  })

  it('C7 the drain timeout cuts what is left and counts it', async () => {
    const gateway = await InProcessGateway.start({ ...config, drain: { timeout: '300ms' } })
    const clients = await askMany(gateway.port, '/held', 7)
    await holding.untilHolding(7)
    expect(await gateway.gateway.drain()).toEqual({ lost: 7 })
    for (const client of clients) {
      expect(await client.untilClosed()).toBe(true)
      expect(client.receivedBytes).toBe(0)
      await client.destroy()
    }
    const { counters, inFlight } = gateway.stats
    expect({ inFlight, aborted: counters.aborted }).toEqual({ inFlight: 0, aborted: 7 })
    await eventually('the origin is rid of them', () => holding.origin.open === 0)
  })

  it('C7 close during a drain ends it at once, and the drain tells what that cost', async () => {
    const gateway = await InProcessGateway.start(config)
    const clients = await askMany(gateway.port, '/held', 3)
    await holding.untilHolding(3)
    const drained = gateway.gateway.drain()
    await gateway.close()
    expect(await drained).toEqual({ lost: 3 })
    for (const client of clients) await client.destroy()
  })

  it('a gateway without sessions drains at once, whatever connections are idle', async () => {
    const gateway = await InProcessGateway.start(config)
    const client = await ask(gateway.port, '/quick')
    await client.readResponses()
    expect(await gateway.gateway.drain()).toEqual({ lost: 0 })
    expect(await client.untilClosed()).toBe(true)
    await client.destroy()
  })
})
