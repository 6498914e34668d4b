import { expect, it } from 'vitest'
import type { UpstreamConfig } from '#src/config/types-upstream.js'
import { FilterChain } from '#src/lifecycle/index.js'
import { createLogger } from '#src/logging/index.js'
import { createRingBuffer, Mailbox, RingReader, RingWriter, writeOpen } from '#src/mailbox/index.js'
import { DeadlineWheel } from '#src/time/index.js'
import { createUpstream } from '#src/upstream/index.js'
import { Actor } from '#src/worker/actor.js'
import { deferred } from './support.js'

const UPSTREAM: UpstreamConfig = {
  name: 'app',
  peers: [],
  timeouts: { connectMs: 0, headersMs: 0, idleMs: 0, totalMs: 0, tunnelMs: 0 },
  retries: { max: 0 },
  pool: { maxIdle: 0, idleMs: 1000, maxAgeMs: 0 },
}

it('A-71 a worker that is told to stop cleans up each session that it still has, once', async () => {
  const toWorker = createRingBuffer(64 * 1024)
  const toAcceptor = createRingBuffer(64 * 1024)
  const order: string[] = []
  const arrived = deferred()
  const chain = new FilterChain([
    {
      name: 'slow',
      newCtx: () => 'ctx',
      requestFilter(session) {
        session.defer(() => order.push('release'))
        if (session.requestId() === 'req-2') arrived.resolve()
        return new Promise(() => undefined)
      },
      logging: (session, error) => void order.push(`${session.requestId()} ${error?.code}`),
      freeCtx: (ctx) => void order.push(`free ${String(ctx)}`),
    },
  ])
  const upstream = createUpstream(UPSTREAM)
  const actor = new Actor(new RingWriter(toAcceptor), new RingReader(toWorker), {
    routes: [
      {
        index: 0,
        name: 'r',
        chain,
        upstream,
        upgrades: [],
        bufferRequestBody: false,
        bufferResponseBody: false,
      },
    ],
    env: {
      wheel: new DeadlineWheel(),
      filterMs: 0,
      bufferedBodyBytes: 1000,
      logger: createLogger({ level: 'silent', format: 'json' }),
      onOutcome: () => undefined,
    },
    ring: () => undefined,
    onCorrupt: (error) => expect(error).toBeNull(),
  })
  const acceptor = new Mailbox(
    new RingWriter(toWorker),
    new RingReader(toAcceptor),
    () => actor.mailbox.wake(),
    { onFrame: () => undefined, onRoom: () => undefined, onCorrupt: () => undefined },
  )
  for (const slot of [1, 2]) {
    writeOpen(acceptor, slot, 1, {
      method: 'GET',
      target: '/',
      headerBlock: 'host: a\r\n',
      remoteAddress: '127.0.0.1',
      requestId: `req-${slot}`,
      startMs: 0,
      route: 0,
      contentLength: -1,
      upgrade: '',
    })
  }
  acceptor.flushNow()
  actor.mailbox.wake()
  await arrived.promise
  expect(order).toEqual([])
  actor.close()
  actor.close()
  expect(order).toEqual([
    'req-1 HG_WORKER_LOST',
    'free ctx',
    'release',
    'req-2 HG_WORKER_LOST',
    'free ctx',
    'release',
  ])
  actor.mailbox.close()
  acceptor.close()
  upstream.connector.close()
})
