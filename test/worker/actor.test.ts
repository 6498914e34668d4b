import { describe, expect, it } from 'vitest'
import type { UpstreamConfig } from '#src/config/types-upstream.js'
import {
  type Filter,
  FilterChain,
  type LifecycleEnv,
  type Route,
  respond,
  type SessionOutcome,
} from '#src/lifecycle/index.js'
import { createLogger } from '#src/logging/index.js'
import {
  ABORT,
  bodyView,
  createRingBuffer,
  END,
  FAIL,
  HEAD,
  headBody,
  Mailbox,
  RingReader,
  RingWriter,
  readHead,
  writeOpen,
  writeSent,
} from '#src/mailbox/index.js'
import { DeadlineWheel } from '#src/time/index.js'
import { createUpstream } from '#src/upstream/index.js'
import { Actor } from '#src/worker/actor.js'
import { WorkerSession } from '#src/worker/worker-session.js'

const UPSTREAM: UpstreamConfig = {
  name: 'app',
  peers: [],
  timeouts: { connectMs: 0, headersMs: 0, idleMs: 0, totalMs: 0, tunnelMs: 0 },
  retries: { max: 0 },
  pool: { maxIdle: 0, idleMs: 1000, maxAgeMs: 0 },
}

interface Got {
  readonly kind: number
  readonly slot: number
  readonly generation: number
  readonly status: number
  readonly body: string
}

/** An actor with one route, and the acceptor's end of its mailbox. */
class Bench {
  readonly actor: Actor
  readonly route: Route
  readonly env: LifecycleEnv
  readonly acceptor: Mailbox
  readonly got: Got[] = []
  readonly outcomes: { readonly error: string | null; readonly status: number }[] = []
  readonly corrupt: Error[] = []

  constructor(filter: Filter, ringBytes = 1024 * 1024) {
    const toWorker = createRingBuffer(ringBytes)
    const toAcceptor = createRingBuffer(ringBytes)
    this.route = {
      index: 0,
      name: 'route',
      chain: new FilterChain([filter]),
      upstream: createUpstream(UPSTREAM),
      bufferRequestBody: false,
      upgrades: [],
      bufferResponseBody: false,
    }
    this.env = {
      wheel: new DeadlineWheel(),
      filterMs: 0,
      bufferedBodyBytes: 1000,
      logger: createLogger({ level: 'silent', format: 'json' }),
      onOutcome: ({ error, status }: SessionOutcome) =>
        this.outcomes.push({ error: error?.code ?? null, status }),
    }
    this.actor = new Actor(new RingWriter(toAcceptor), new RingReader(toWorker), {
      routes: [this.route],
      env: this.env,
      ring: () => undefined,
      onCorrupt: (error) => this.corrupt.push(error),
    })
    this.acceptor = new Mailbox(new RingWriter(toWorker), new RingReader(toAcceptor), () => undefined, {
      onFrame: (frame) => {
        const head = frame.kind === HEAD ? readHead(frame) : null
        this.got.push({
          kind: frame.kind,
          slot: frame.slot,
          generation: frame.generation,
          status: head?.status ?? 0,
          body: Buffer.from((frame.kind === HEAD ? headBody(frame) : bodyView(frame)) ?? []).toString(),
        })
      },
      onRoom: () => undefined,
      onCorrupt: (error) => this.corrupt.push(error),
    })
  }

  open(slot: number, generation = 1, route = 0): void {
    writeOpen(this.acceptor, slot, generation, {
      method: 'GET',
      target: '/',
      headerBlock: 'host: a\r\n',
      remoteAddress: '127.0.0.1',
      requestId: `req-${slot}`,
      startMs: 1,
      route,
      contentLength: -1,
      upgrade: '',
    })
  }

  /** What was written so far arrives at the worker, and its answer here. */
  exchange(): void {
    this.acceptor.flushNow()
    this.actor.mailbox.wake()
    this.actor.mailbox.readAll()
    this.actor.mailbox.flushNow()
    this.acceptor.readAll()
  }
}

const HELLO: Filter = { name: 'hello', requestFilter: () => respond({ status: 200, body: 'hello' }) }
/** Takes the request and never says anything. */
const SILENT: Filter = { name: 'silent', requestFilter: () => new Promise(() => undefined) }

describe('the actor', () => {
  it('answers a session, and ends it when the answer was sent', () => {
    const bench = new Bench(HELLO)
    bench.open(3, 7)
    bench.exchange()
    expect(bench.got).toEqual([{ kind: HEAD, slot: 3, generation: 7, status: 200, body: 'hello' }])
    expect(bench.outcomes).toEqual([])
    writeSent(bench.acceptor, 3, 7, 5)
    bench.exchange()
    expect(bench.outcomes).toEqual([{ error: null, status: 200 }])
  })

  it('gives up a session whose client has left', () => {
    const bench = new Bench(SILENT)
    bench.open(0)
    bench.exchange()
    bench.acceptor.reserve(ABORT, 0, 1, 0)
    bench.exchange()
    expect(bench.outcomes).toEqual([{ error: 'HG_CLIENT_ABORTED', status: 0 }])
  })

  it('takes no frames of another generation for a session', () => {
    const bench = new Bench(SILENT)
    bench.open(0, 5)
    bench.acceptor.reserve(ABORT, 0, 4, 0)
    writeSent(bench.acceptor, 0, 6, 1)
    bench.acceptor.reserve(ABORT, 1, 5, 0)
    bench.exchange()
    expect(bench.outcomes).toEqual([])
    expect(bench.corrupt).toEqual([])
  })

  it('gives up what is left in a slot that is given again', () => {
    const bench = new Bench(SILENT)
    bench.open(0, 1)
    bench.open(0, 2)
    bench.exchange()
    expect(bench.outcomes).toEqual([{ error: 'HG_CLIENT_ABORTED', status: 0 }])
    bench.acceptor.reserve(ABORT, 0, 2, 0)
    bench.exchange()
    expect(bench.outcomes).toHaveLength(2)
  })

  it('fails a session of a route that it does not have, so that nobody waits for it', () => {
    const bench = new Bench(HELLO)
    bench.open(2, 9, 1)
    bench.exchange()
    expect(bench.got).toEqual([{ kind: FAIL, slot: 2, generation: 9, status: 0, body: '' }])
  })

  it('fails a session whose answer has a head larger than any frame, and goes on with the others', async () => {
    const huge: Filter = {
      name: 'huge',
      requestFilter: (session) =>
        session.requestId() === 'req-0'
          ? respond({ status: 200, headers: { 'x-huge': 'x'.repeat(20_000) } })
          : respond({ status: 204 }),
    }
    const bench = new Bench(huge, 64 * 1024)
    bench.open(0)
    bench.open(1)
    bench.exchange()
    expect(bench.got.map(({ kind, slot, status }) => [kind, slot, status])).toEqual([
      [FAIL, 0, 0],
      [HEAD, 1, 204],
    ])
    expect(bench.actor.mailbox.congested).toBe(false)
    await new Promise((resolve) => setImmediate(resolve))
    expect(bench.outcomes).toHaveLength(1)
  })

  it('drops trailers that fit no frame, as the protocol allows, and ends the answer', () => {
    const bench = new Bench(SILENT, 64 * 1024)
    bench.open(0)
    bench.exchange()
    const open = {
      method: 'GET',
      target: '/',
      headerBlock: 'host: a\r\n',
      remoteAddress: '127.0.0.1',
      requestId: 'req-0',
      startMs: 1,
      route: 0,
      contentLength: -1,
      upgrade: '',
    }
    const host = {
      mailbox: bench.actor.mailbox,
      forwarding: bench.actor.forwarding,
      flushLater: () => undefined,
      forget: () => undefined,
      waitForRoom: () => undefined,
    }
    const session = new WorkerSession(host, 0, 1, open, bench.route, bench.env)
    session.end('x-t: 1\r\n')
    session.end(`x-t: ${'y'.repeat(30_000)}\r\n`)
    bench.exchange()
    expect(bench.got.map(({ kind, body }) => [kind, body])).toEqual([
      [END, 'x-t: 1\r\n'],
      [END, ''],
    ])
  })

  it('says that its mailbox is damaged', () => {
    const bench = new Bench(HELLO)
    bench.acceptor.reserve(1, 0, 1, 100, 500, 0)
    bench.acceptor.flushNow()
    bench.actor.mailbox.wake()
    expect(bench.corrupt).toHaveLength(1)
  })

  it('A-71 ends every session when it is told to stop, those well whose answer had been sent', () => {
    const bench = new Bench({
      name: 'some',
      requestFilter: (session) =>
        session.requestId() === 'req-999' ? new Promise(() => undefined) : respond({ status: 200 }),
    })
    for (let slot = 0; slot < 1000; slot += 1) bench.open(slot)
    bench.exchange()
    expect(bench.got).toHaveLength(999)
    // Nobody was woken for these.
    for (let slot = 0; slot < 999; slot += 1) writeSent(bench.acceptor, slot, 1, 5)
    bench.acceptor.flushNow()
    expect(bench.outcomes).toEqual([])
    bench.actor.close()
    expect(bench.outcomes).toHaveLength(1000)
    expect(bench.outcomes.filter(({ error }) => error !== null)).toHaveLength(1)
  })
})
