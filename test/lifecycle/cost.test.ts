import { createHook } from 'node:async_hooks'
import pino from 'pino'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type ClientPort,
  FilterChain,
  type LifecycleEnv,
  type Route,
  SessionRun,
} from '#src/lifecycle/index.js'
import { DeadlineWheel } from '#src/time/index.js'
import type { UpstreamExchange, UpstreamHandler } from '#src/upstream/http1/index.js'
import { PeerSet, PeerTable, UpstreamGuard } from '#src/upstream/index.js'

const BLOCK = 'Host: a\r\nX-Probe-Up: 1\r\n'
const ANSWER = 'Server: x\r\nX-Probe-Down: 1\r\n'

/** One session over a connector that is called by hand: nothing here makes a promise. */
class Scene {
  readonly chain: FilterChain
  handler: UpstreamHandler | null = null
  sentBlock = ''
  answerBlock = ''
  freed = false
  run: SessionRun

  constructor(chain: FilterChain) {
    this.chain = chain
    const exchange: UpstreamExchange = {
      write: () => true,
      end() {},
      pause() {},
      resume() {},
      abort() {},
      bytesSent: true,
      reused: false,
    }
    const target = { id: '1', host: 'a', port: 1 }
    const route: Route = {
      index: 0,
      name: 'r',
      chain,
      upstream: {
        config: {
          name: 'u',
          peers: [target],
          timeouts: { connectMs: 1, headersMs: 1, idleMs: 1, totalMs: 1000, tunnelMs: 0 },
          retries: { max: 3 },
          pool: { maxIdle: 1, idleMs: 1, maxAgeMs: 0 },
        },
        guard: new UpstreamGuard(
          { retries: { max: 3 } },
          new PeerTable({ workers: 1, rows: [0] }).guard(0, 0),
        ),
        peers: new PeerSet([target]),
        connector: {
          stats: { opened: 0, reuses: 0, dropped: 0, active: 0, idle: 0 },
          close() {},
          request: (_target, request, handler) => {
            this.sentBlock = request.headerBlock
            this.handler = handler
            return exchange
          },
        },
      },
      bufferRequestBody: false,
      upgrades: [],
      bufferResponseBody: false,
    }
    const env: LifecycleEnv = {
      wheel: new DeadlineWheel({ clock: { every: () => () => undefined } }),
      filterMs: 1000,
      bufferedBodyBytes: 1000,
      logger: pino({ level: 'silent' }),
      onOutcome: () => {
        this.freed = true
      },
    }
    const port: ClientPort = {
      head: (_status, _text, block) => {
        this.answerBlock = block
      },
      informational() {},
      body: () => true,
      end() {},
      fail() {},
      grant() {},
      flushLater() {},
    }
    const start = {
      method: 'GET',
      target: '/',
      headerBlock: BLOCK,
      remoteAddress: '1',
      requestId: 'req',
      startMs: 0,
      contentLength: -1,
    }
    this.run = new SessionRun(
      { ...start, startMs: performance.timeOrigin + performance.now() },
      route,
      env,
      port,
    )
  }

  play(): void {
    this.run.start()
    const { handler } = this
    if (handler === null) throw new Error('not asked')
    handler.onConnected(true, 1)
    handler.onRequestSent(2)
    handler.onHead({ status: 200, statusText: 'OK', headerBlock: ANSWER, contentLength: 2, hasBody: true }, 3)
    handler.onBody(new Uint8Array(2))
    handler.onEnd('', 4)
    this.run.onSent(performance.timeOrigin + performance.now())
  }
}

function promisesMadeBy(play: () => void): number {
  let made = 0
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') made += 1
    },
  }).enable()
  try {
    play()
  } finally {
    hook.disable()
  }
  return made
}

describe('absent hooks', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('a session without filters makes no promise', () => {
    const scene = new Scene(new FilterChain([]))
    expect(promisesMadeBy(() => scene.play())).toBe(0)
    expect(scene.freed).toBe(true)
  })

  it('a session whose filters are synchronous makes no promise either, one asynchronous hook makes some', () => {
    const names = new FilterChain([
      {
        name: 'a',
        newCtx: () => 1,
        requestFilter: () => undefined,
        upstreamPeer: () => null,
        responseFilter: () => undefined,
        logging: () => undefined,
      },
      { name: 'b', upstreamRequestFilter: () => undefined, responseBodyFilter: () => undefined },
    ])
    const scene = new Scene(names)
    expect(promisesMadeBy(() => scene.play())).toBe(0)
    expect(scene.freed).toBe(true)
    const later = new Scene(new FilterChain([{ name: 'a', requestFilter: async () => undefined }]))
    expect(promisesMadeBy(() => later.run.start())).toBeGreaterThan(0)
  })

  it('nobody looks into header sections that no filter looks into', () => {
    const lower = vi.spyOn(String.prototype, 'toLowerCase')
    const scene = new Scene(new FilterChain([]))
    scene.play()
    const looked = lower.mock.contexts.map(String).filter((text) => /probe/i.test(text))
    expect(looked).toEqual([])
    expect(scene.sentBlock).toBe(BLOCK)
    expect(scene.answerBlock).toBe(ANSWER)
    // The spy would have seen it.
    const reading = new Scene(
      new FilterChain([
        { name: 'r', requestFilter: (session) => void session.reqHeader()?.headers.get('x') },
      ]),
    )
    reading.play()
    expect(lower.mock.contexts.map(String).filter((text) => /probe/i.test(text))).toEqual(['X-Probe-Up'])
  })
})
