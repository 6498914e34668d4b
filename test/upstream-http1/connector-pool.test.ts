import { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Http1Connector, type Http1ConnectorOptions } from '#src/upstream/http1/connector.js'
import type { UpstreamHandler } from '#src/upstream/http1/types.js'
import { ManualClock } from './support/manual-clock.js'
import { type Peer, RawOrigin } from './support/raw-origin.js'
import { type Recorder, run, start } from './support/recorder.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

let clock: ManualClock
let connector: Http1Connector
let origin: RawOrigin

function connect(options: Http1ConnectorOptions = {}): void {
  clock = new ManualClock()
  connector = new Http1Connector({ wheel: { clock }, ...options })
}

beforeEach(() => connect())
afterEach(async () => {
  connector.close()
  expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  await origin.close()
})

/** Opens so many connections at once; each answers only when all have a request. */
async function warm(count: number): Promise<void> {
  let pending = count
  const ready: Peer[] = []
  origin = await RawOrigin.listen(async (peer) => {
    await peer.head()
    ready.push(peer)
    pending -= 1
    if (pending <= 0) for (const it of ready.splice(0)) it.send(OK)
    for (;;) {
      await peer.head()
      peer.send(OK)
    }
  })
  await Promise.all(Array.from({ length: count }, () => run(connector, origin.target)))
}

describe('the pool, when an answer overtakes the word that its request was written', () => {
  afterEach(() => void vi.restoreAllMocks())

  /** The connector's only socket, which may be told to count a request as waiting: inside TLS the word comes a turn later. */
  async function onlySocket(): Promise<{ holdBack(): void; release(): void }> {
    const connected = vi.spyOn(Socket.prototype, 'connect')
    await warm(1)
    const [socket] = connected.mock.contexts
    if (!(socket instanceof Socket)) throw new Error('nothing was connected')
    return {
      holdBack: () => Object.defineProperty(socket, 'writableLength', { value: 240, configurable: true }),
      release: () => Reflect.deleteProperty(socket, 'writableLength'),
    }
  }

  const ask = (hooks: Partial<UpstreamHandler>) =>
    start(connector, origin.target, {}, { hooks }).recorder.until('over')

  it('keeps the connection when the word comes within the turn', async () => {
    const { holdBack, release } = await onlySocket()
    for (let i = 0; i < 3; i += 1) {
      const { events } = await ask({ onHead: holdBack, onEnd: release })
      expect(events[0]).toBe('reused')
      await nextTurn()
    }
    expect(connector.stats).toMatchObject({ opened: 1, reuses: 3, idle: 1 })
  })

  it('gives it to nobody before, and drops it when the word does not come: the answer was an early one', async () => {
    const { holdBack } = await onlySocket()
    let next: Promise<Recorder> | null = null
    await ask({
      onHead: holdBack,
      onEnd: () => {
        next = run(connector, origin.target)
      },
    })
    expect(connector.stats).toMatchObject({ opened: 2, active: 1, idle: 1 })
    await nextTurn()
    expect(connector.stats.idle).toBe(0)
    expect(((await next) as Recorder | null)?.events[0]).toBe('connected')
    expect(connector.stats).toMatchObject({ opened: 2, active: 0, idle: 1 })
  })
})

describe('the pool', () => {
  it('reuses a connection, and counts it', async () => {
    await warm(1)
    for (let i = 0; i < 3; i += 1) expect((await run(connector, origin.target)).events[0]).toBe('reused')
    expect(connector.stats).toEqual({ opened: 1, reuses: 3, dropped: 0, active: 0, idle: 1 })
  })

  it('opens another connection while one is busy', async () => {
    await warm(1)
    const both = [start(connector, origin.target), start(connector, origin.target)]
    expect(both.map(({ exchange }) => exchange.reused)).toEqual([true, false])
    await Promise.all(both.map(({ recorder }) => recorder.until('end')))
    expect(connector.stats).toMatchObject({ opened: 2, idle: 2 })
  })

  it('takes the connection that was used last', async () => {
    await warm(3)
    const last = async () => {
      for (const peer of origin.peers) peer.received = ''
      await run(connector, origin.target)
    }
    await last()
    await last()
    clock.advance(3000)
    await last()
    // The two others have been idle since the beginning; the one in use stays.
    clock.advance(1200)
    expect(connector.stats).toMatchObject({ opened: 3, idle: 1 })
    expect((await run(connector, origin.target)).events[0]).toBe('reused')
  })

  it('closes what has been idle for 4 s', async () => {
    await warm(1)
    clock.advance(3900)
    expect(connector.stats.idle).toBe(1)
    clock.advance(200)
    expect(connector.stats.idle).toBe(0)
    await origin.peer(0).closed
    expect((await run(connector, origin.target)).events[0]).toBe('connected')
  })

  it('trusts a connection no longer than its Keep-Alive says, less half a second', async () => {
    origin = await RawOrigin.answering(`${OK.slice(0, -4)}Keep-Alive: timeout=2\r\n\r\nok`)
    await run(connector, origin.target)
    clock.advance(1400)
    expect(connector.stats.idle).toBe(1)
    clock.advance(200)
    expect(connector.stats.idle).toBe(0)
  })

  it('keeps at most maxIdle, and lets the oldest go', async () => {
    connect({ maxIdle: 2 })
    await warm(5)
    expect(connector.stats).toMatchObject({ opened: 5, idle: 2 })
    await Promise.all(origin.peers.slice(0, 3).map((peer) => peer.closed))
  })

  it('keeps none with maxIdle 0', async () => {
    connect({ maxIdle: 0 })
    await warm(1)
    expect(connector.stats.idle).toBe(0)
    await origin.peer(0).closed
  })

  it('retires connections by age', async () => {
    connect({ maxAgeMs: 1 })
    let answer = () => {}
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      answer = () => peer.send(OK)
      peer.send('HTTP/1.1 103 Early Hints\r\n\r\n')
    })
    const { recorder } = start(connector, origin.target)
    await recorder.until('interim')
    const bornBefore = performance.now()
    while (performance.now() - bornBefore < 2);
    answer()
    await recorder.until('end')
    expect(connector.stats.idle).toBe(0)
  })

  it('A11 leaves idle connections alone when told to make a fresh one', async () => {
    await warm(1)
    expect((await run(connector, origin.target, { fresh: true })).events[0]).toBe('connected')
    expect(connector.stats).toMatchObject({ opened: 2, reuses: 0, idle: 2 })
  })

  it('drops a connection that the upstream closes while it is idle', async () => {
    await warm(1)
    origin.peer(0).end()
    await origin.peer(0).closed
    expect(connector.stats).toMatchObject({ idle: 0, dropped: 0 })
    expect((await run(connector, origin.target)).events[0]).toBe('connected')
  })

  it('drops and counts a connection on which bytes come while it is idle', async () => {
    await warm(1)
    origin.peer(0).send('H')
    await origin.peer(0).closed
    expect(connector.stats).toMatchObject({ idle: 0, dropped: 1 })
  })

  it('does not keep a connection after Connection: close or HTTP/1.0', async () => {
    for (const text of [
      'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
      'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok',
    ]) {
      origin = await RawOrigin.answering(text)
      expect((await run(connector, origin.target)).body).toBe('ok')
      expect(connector.stats.idle).toBe(0)
      await origin.peer(0).closed
      await origin.close()
    }
  })

  it('keeps targets of different identity apart, whatever their address', async () => {
    await warm(1)
    const other = { ...origin.target, id: 'another identity' }
    expect((await run(connector, other)).events[0]).toBe('connected')
    expect((await run(connector, origin.target)).events[0]).toBe('reused')
    expect((await run(connector, other)).events[0]).toBe('reused')
    expect(connector.stats.idle).toBe(2)
  })

  it('after close takes nothing more, and lets what is under way finish', async () => {
    await warm(1)
    const { recorder } = start(connector, origin.target)
    connector.close()
    expect((await run(connector, origin.target)).failure).toMatchObject({ code: 'HG_INTERNAL' })
    await recorder.until('end')
    expect(recorder.body).toBe('ok')
    expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  })
})

describe('A11 the keep-alive race, 1,000 rounds each', () => {
  /** Counts how often each request was seen whole. Closes a connection after its first answer when told to. */
  async function racingOrigin(seen: Map<string, number>): Promise<void> {
    origin = await RawOrigin.listen(async (peer) => {
      for (;;) {
        const head = await peer.head()
        if (head.startsWith('POST')) await peer.take('.')
        const path = head.split(' ')[1] ?? ''
        seen.set(path, (seen.get(path) ?? 0) + 1)
        // Half of the rounds lose the race after the request was read, the others before.
        if (path.startsWith('/die')) peer.socket.destroy()
        else peer.send(OK)
      }
    })
  }

  it('a GET that is repeated once by its caller always succeeds', async () => {
    const seen = new Map<string, number>()
    await racingOrigin(seen)
    let races = 0
    for (let round = 0; round < 1000; round += 1) {
      await run(connector, origin.target, { target: `/warm${round}` })
      origin.peers.at(-1)?.socket.destroy()
      const first = start(connector, origin.target, { target: `/get${round}` })
      await first.recorder.until('over')
      if (first.recorder.error === null) continue
      races += 1
      expect(first.exchange).toMatchObject({ reused: true, bytesSent: true })
      expect(first.recorder.failure).toMatchObject({ reason: 'connection_terminated', retry: 'idempotent' })
      expect((await run(connector, origin.target, { target: `/get${round}` })).body).toBe('ok')
    }
    expect(races).toBeGreaterThan(900)
    expect(connector.stats).toMatchObject({ active: 0, dropped: 0 })
  }, 60_000)

  it('the body of a POST is never seen twice', async () => {
    const seen = new Map<string, number>()
    await racingOrigin(seen)
    const outcomes: (Recorder | null)[] = []
    for (let round = 0; round < 1000; round += 1) {
      await run(connector, origin.target, { target: `/warm${round}` })
      const dies = round % 2 === 0
      if (!dies) origin.peers.at(-1)?.socket.destroy()
      const { recorder, exchange } = start(connector, origin.target, {
        method: 'POST',
        target: dies ? `/die${round}` : `/post${round}`,
        body: { kind: 'length', length: 4 },
        bodyBytes: Buffer.from('pay.'),
      })
      expect(exchange.reused).toBe(true)
      await recorder.until('over')
      outcomes.push(recorder)
    }
    const posts = [...seen].filter(([path]) => !path.startsWith('/warm'))
    expect(posts.length).toBe(500)
    expect(posts.every(([, count]) => count === 1)).toBe(true)
    expect(outcomes.every((it) => it?.failure?.status === 502 && it.failure.retry === 'idempotent')).toBe(
      true,
    )
  }, 60_000)
})
