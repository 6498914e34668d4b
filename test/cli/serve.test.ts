import { EventEmitter, once } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import type { ExitCode } from '#src/cli/exit-codes.js'
import { serve } from '#src/cli/serve.js'
import { createLogger } from '#src/logging/index.js'
import type { Gateway, StartGateway } from '#src/supervisor/types.js'
import { load, MINIMAL } from '../config/support.js'

type Log = Record<string, unknown> & { readonly level: string; readonly msg: string }

/** A gateway whose drain ends when the test says so. */
class FakeGateway implements Gateway {
  readonly listen = { host: '127.0.0.1', port: 8080 }
  readonly admin = { host: '127.0.0.1', port: 9901 }
  readonly acceptorKind = 'uws'
  readonly acceptorReason = null
  readonly workers = 3
  inFlight = 0
  closed = 0
  drains = 0
  closeFails = false
  #drained: { resolve: (result: { lost: number }) => void; reject: (error: Error) => void } | null = null
  readonly events = new EventEmitter()

  drain(): Promise<{ lost: number }> {
    this.drains += 1
    return new Promise((resolve, reject) => {
      this.#drained = { resolve, reject }
      this.events.emit('drain')
    })
  }

  async close(): Promise<void> {
    this.closed += 1
    if (this.closeFails) throw new Error('it is stuck')
  }

  endDrain(lost: number): void {
    this.#drained?.resolve({ lost })
  }

  failDrain(error: Error): void {
    this.#drained?.reject(error)
  }
}

let process_: EventEmitter
let gateway: FakeGateway
let logs: Log[]
let clockMs: number

beforeEach(() => {
  process_ = new EventEmitter()
  gateway = new FakeGateway()
  logs = []
  clockMs = 0
})

async function start(
  startGateway: StartGateway = async () => gateway,
  yaml = MINIMAL,
  explainFailure: (error: unknown) => Promise<ExitCode | null> = async () => null,
) {
  const { config } = await load({ 'headgate.yaml': yaml })
  const lines = new EventEmitter()
  const destination = {
    write: (line: string) => {
      logs.push(JSON.parse(line) as Log)
      lines.emit('line')
    },
  }
  const logger = createLogger({ level: 'info', format: 'json', destination })
  const ended = serve(config, {
    version: '1.2.3',
    logger,
    startGateway,
    events: process_,
    now: () => clockMs,
    explainFailure,
  })
  const logged = async (count: number) => {
    while (logs.length < count) await once(lines, 'line')
  }
  return { ended, logged }
}

describe('the start line', () => {
  it('says what listens where, with how many workers and why, and where requests go', async () => {
    const { logged } = await start()
    await logged(1)
    expect(logs[0]?.msg).toBe(
      'headgate 1.2.3 listens on http://127.0.0.1:8080 (uws), 3 workers (auto: 4 cores, one for the acceptor), upstream app → 127.0.0.1:9000, admin http://127.0.0.1:9901',
    )
    expect(logs[0]?.['start']).toMatchObject({
      version: '1.2.3',
      listen: 'http://127.0.0.1:8080',
      admin: 'http://127.0.0.1:9901',
      acceptor: 'uws',
      workers: 3,
      file: expect.stringMatching(/headgate\.yaml$/),
    })
  })

  it.each([
    [
      "upstreams: { a: { peers: ['a:1', 'b:1', 'c:1', 'd:1', 'e:1'] } }",
      'upstream a → a:1 b:1 c:1 and 2 more',
    ],
    ["upstreams: { a: { peers: ['a:1'] }, b: { peers: ['b:1'] } }", 'upstreams a → a:1, b → b:1'],
    ['upstreams: { a: &p { peers: [x:1] }, b: *p, c: *p, d: *p }', '4 upstreams'],
  ])('stays short: %s', async (yaml, expected) => {
    const { logged } = await start(undefined, `${yaml}\nroutes: [{ upstream: a }]\n`)
    await logged(1)
    expect(logs[0]?.msg).toContain(`, ${expected}, admin`)
  })
})

describe('stopping', () => {
  it.each(['SIGTERM', 'SIGINT'])('%s drains and exits 0', async (signal) => {
    const { ended, logged } = await start()
    await logged(1)
    const draining = once(gateway.events, 'drain')
    process_.emit(signal, signal)
    await draining
    gateway.endDrain(0)
    expect(await ended).toBe(0)
    expect(logs.at(-1)?.msg).toBe('stopped; no session was lost')
    expect(gateway.closed).toBe(0)
  })

  it('C7 says how many sessions the deadline cut, and exits 1', async () => {
    const { ended, logged } = await start()
    await logged(1)
    const draining = once(gateway.events, 'drain')
    process_.emit('SIGTERM', 'SIGTERM')
    await draining
    gateway.endDrain(2)
    expect(await ended).toBe(1)
    expect(logs.at(-1)).toMatchObject({
      level: 'warn',
      lost: 2,
      msg: 'stopped; 2 sessions were not finished in time and cut',
    })
  })

  it.each([
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
    ['SIGINT', 'SIGTERM'],
  ])('%s and then %s cuts what is left and exits 1 with the number of sessions', async (first, second) => {
    const { ended, logged } = await start()
    await logged(1)
    const draining = once(gateway.events, 'drain')
    process_.emit(first, first)
    await draining
    gateway.inFlight = 5
    process_.emit(second, second)
    expect(await ended).toBe(1)
    expect(gateway.closed).toBe(1)
    expect(logs.at(-1)).toMatchObject({
      level: 'warn',
      lost: 5,
      msg: `${second} once more: stopped; 5 sessions were cut`,
    })
  })

  it('takes a SIGINT that npm passes on for the keystroke that it is, but not a later one', async () => {
    const { ended, logged } = await start()
    await logged(1)
    const draining = once(gateway.events, 'drain')
    process_.emit('SIGINT', 'SIGINT')
    await draining
    clockMs = 20
    process_.emit('SIGINT', 'SIGINT')
    expect(gateway.closed).toBe(0)
    clockMs = 1000
    process_.emit('SIGINT', 'SIGINT')
    expect(await ended).toBe(1)
    expect(gateway.closed).toBe(1)
  })

  it('closes only once however many signals come', async () => {
    const { ended, logged } = await start()
    await logged(1)
    const draining = once(gateway.events, 'drain')
    process_.emit('SIGTERM', 'SIGTERM')
    await draining
    for (let i = 0; i < 5; i += 1) process_.emit('SIGTERM', 'SIGTERM')
    expect(await ended).toBe(1)
    expect([gateway.drains, gateway.closed]).toEqual([1, 1])
  })

  it('ends although the close fails', async () => {
    gateway.closeFails = true
    const { ended, logged } = await start()
    await logged(1)
    process_.emit('SIGTERM', 'SIGTERM')
    process_.emit('SIGTERM', 'SIGTERM')
    expect(await ended).toBe(1)
  })

  it('a drain that fails exits 1', async () => {
    const { ended, logged } = await start()
    await logged(1)
    const draining = once(gateway.events, 'drain')
    process_.emit('SIGTERM', 'SIGTERM')
    await draining
    gateway.failDrain(new Error('no'))
    expect(await ended).toBe(1)
    expect(logs.at(-1)).toMatchObject({ level: 'fatal', msg: 'draining failed', err: { message: 'no' } })
  })

  it('a signal before it listens drains as soon as it does', async () => {
    let started: (gateway: Gateway) => void = () => undefined
    const starting = new Promise<Gateway>((resolve) => {
      started = resolve
    })
    const { ended } = await start(() => starting)
    process_.emit('SIGTERM', 'SIGTERM')
    const draining = once(gateway.events, 'drain')
    started(gateway)
    await draining
    gateway.endDrain(0)
    expect(await ended).toBe(0)
  })

  it('leaves no listener behind', async () => {
    const { ended, logged } = await start()
    await logged(1)
    expect(process_.eventNames()).toHaveLength(6)
    process_.emit('uncaughtException', new Error('x'))
    await ended
    expect(process_.eventNames()).toEqual([])
  })
})

describe('failing', () => {
  it.each(['uncaughtException', 'unhandledRejection'])(
    '%s is logged as fatal, with its stack, and exits 1',
    async (event) => {
      const { ended, logged } = await start()
      await logged(1)
      process_.emit(event, new RangeError('out of nowhere'))
      expect(await ended).toBe(1)
      expect(logs.at(-1)).toMatchObject({
        level: 'fatal',
        msg: 'an error that nobody caught: the gateway ends',
        err: { type: 'RangeError', message: 'out of nowhere', stack: expect.stringContaining('serve.test') },
      })
    },
  )

  const failure = (code: string, port: number) => Object.assign(new Error(code), { code, port })

  it.each([
    [
      'EADDRINUSE',
      8080,
      'cannot listen on 127.0.0.1:8080: another process listens there. Stop it, or choose another address with --listen',
    ],
    [
      'EADDRINUSE',
      9901,
      'cannot listen on 127.0.0.1:9901: another process listens there. Stop it, or choose another address with --admin',
    ],
    [
      'EACCES',
      8080,
      'cannot listen on 127.0.0.1:8080: not permitted (ports below 1024 need a privilege). Choose another with --listen',
    ],
    [
      'EADDRNOTAVAIL',
      8080,
      'cannot listen on 127.0.0.1:8080: this machine has no such address. Choose another with --listen',
    ],
  ])('%s on %d is told in words, and exits 1', async (code, port, message) => {
    const { ended } = await start(() => Promise.reject(failure(code, port)))
    expect(await ended).toBe(1)
    expect(logs).toMatchObject([{ level: 'fatal', msg: message }])
  })

  it('any other failure to start is logged with its stack, also one that is thrown', async () => {
    const { ended } = await start(() => {
      throw new Error('a filter cannot be loaded')
    })
    expect(await ended).toBe(1)
    expect(logs).toMatchObject([
      { level: 'fatal', msg: 'the gateway did not start', err: { message: 'a filter cannot be loaded' } },
    ])
  })

  it('takes the explanation of a mistake in the config, if there is one, for the exit code', async () => {
    const error = new Error('a filter cannot be loaded')
    const seen: unknown[] = []
    const explain = async (failure: unknown): Promise<ExitCode> => {
      seen.push(failure)
      return 78
    }
    const { ended } = await start(() => Promise.reject(error), MINIMAL, explain)
    expect(await ended).toBe(78)
    expect([seen, logs]).toEqual([[error], []])
  })

  it('an explanation that fails itself does not hide the failure', async () => {
    const { ended } = await start(
      () => Promise.reject(new Error('first')),
      MINIMAL,
      () => Promise.reject(new Error('second')),
    )
    expect(await ended).toBe(1)
    expect(logs).toMatchObject([{ level: 'fatal', err: { message: 'first' } }])
  })
})
