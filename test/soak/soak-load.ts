import { setTimeout as sleep } from 'node:timers/promises'
import { build, type Histogram } from 'hdr-histogram-js'
import { keepAliveAgent, send } from '../support/http-client.js'
import { HttpOrigin, readBody } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

const LANES = 8
const PAUSE_MS = 15
/** Behind a rest: what was thrown away with the rest is compiled anew. */
const UNTIMED_MS = 1_000
const KILL_EVERY_MS = 10_000
const LARGE = Buffer.alloc(300_000, 'x')

/** What a client did, and how often it ended in which way. */
export type Outcomes = Record<string, number>

/** An origin that answers, delays, stalls, breaks off and speaks nonsense, as the path asks. */
export function faultyOrigin(): Promise<HttpOrigin> {
  return HttpOrigin.start(async (request, response) => {
    const path = request.url?.split('?', 1)[0] ?? ''
    if (path === '/large') response.end(LARGE)
    else if (path === '/slow') setTimeout(() => response.end('slow'), 50)
    else if (path === '/error') response.writeHead(503).end('not now')
    else if (path === '/reset') request.socket.resetAndDestroy()
    else if (path === '/break') {
      response.writeHead(200, { 'content-length': '1000' })
      response.write('x')
      response.socket?.destroySoon()
    } else if (path === '/nonsense') request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx')
    else if (path.startsWith('/cached')) {
      response.writeHead(200, { 'cache-control': 'max-age=2' }).end('cached')
    } else {
      const body = await readBody(request)
      response.writeHead(200, { 'cache-control': 'no-store' }).end(body.length === 0 ? 'fine' : body)
    }
  })
}

/** Clients of all kinds at once, until they are stopped. Only sound requests for small answers are timed. */
export class SoakLoad {
  readonly outcomes: Outcomes = {}
  /** µs, of the time since the last {@link takeTimes}. */
  #times: Histogram = build({ numberOfSignificantValueDigits: 3 })
  readonly #port: number
  readonly #agent = keepAliveAgent(LANES)
  #stopped = false
  /** What is under way. */
  readonly #jobs = new Set<Promise<void>>()
  /** Null unless it rests. */
  #gate: Promise<void> | null = null
  /** When its last rest ended. */
  #restedMs = 0
  #lanes: Promise<unknown> = Promise.resolve()

  constructor(port: number) {
    this.#port = port
  }

  start(): void {
    const lanes = [
      ...Array.from({ length: LANES }, () => this.#repeat(PAUSE_MS, () => this.#timed())),
      this.#repeat(20, () => this.#request('cached', `/cached/${Math.floor(Math.random() * 2_000)}`)),
      this.#repeat(50, () => this.#request('upload', '/echo', 'b'.repeat(100_000))),
      this.#repeat(50, () => this.#request('large', '/large')),
      this.#repeat(40, () => this.#request('slow', '/slow')),
      this.#repeat(100, () => this.#request('error', '/error')),
      this.#repeat(100, () => this.#request('reset', '/reset')),
      this.#repeat(100, () => this.#request('break', '/break')),
      this.#repeat(100, () => this.#request('nonsense', '/nonsense')),
      this.#repeat(50, () => this.#raw('leaves', 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n', 5)),
      this.#repeat(50, () =>
        this.#raw('cuts', 'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab', 5),
      ),
      this.#repeat(50, () => this.#raw('malformed', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 5_000)),
      this.#repeat(KILL_EVERY_MS, () => this.#request('kill', '/exit')),
    ]
    this.#lanes = Promise.all(lanes)
  }

  /** Times since the last call. */
  takeTimes(): Histogram {
    const times = this.#times
    this.#times = build({ numberOfSignificantValueDigits: 3 })
    return times
  }

  /** Lets `look` run while no client does anything. */
  async rest(look: () => Promise<void>): Promise<void> {
    this.#gate = Promise.all(this.#jobs).then(look)
    await this.#gate
    this.#gate = null
    this.#restedMs = performance.now()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#lanes
    this.#agent.destroy()
  }

  async #repeat(pauseMs: number, job: () => Promise<void>): Promise<void> {
    // Not all at the same time.
    await sleep(Math.random() * pauseMs)
    while (!this.#stopped) {
      while (this.#gate !== null) await this.#gate
      const run = job()
      this.#jobs.add(run)
      await run.finally(() => this.#jobs.delete(run))
      await sleep(pauseMs)
    }
  }

  async #timed(): Promise<void> {
    const startMs = performance.now()
    const outcome = await send(this.#port, '/', { agent: this.#agent })
    const isFine = outcome.kind === 'answer' && outcome.status === 200
    if (isFine && startMs - this.#restedMs > UNTIMED_MS)
      this.#times.recordValue(Math.max(1, Math.round((performance.now() - startMs) * 1000)))
    this.#count('plain', outcome.kind === 'answer' ? outcome.status : 'broken off')
  }

  async #request(kind: string, path: string, body?: string): Promise<void> {
    const sent = body === undefined ? {} : { method: 'POST', body }
    const outcome = await send(this.#port, path, { ...sent, agent: this.#agent })
    this.#count(kind, outcome.kind === 'answer' ? outcome.status : 'broken off')
  }

  /** Sends and leaves after some time, whatever has come. */
  async #raw(kind: string, bytes: string, stayMs: number): Promise<void> {
    const client = await RawClient.connect(this.#port)
    await client.send(bytes)
    await client.untilClosed(stayMs)
    this.#count(kind, client.text.slice(9, 12))
    await client.destroy(Math.random() < 0.5)
  }

  #count(kind: string, end: string | number): void {
    const key = `${kind} ${end}`
    this.outcomes[key] = (this.outcomes[key] ?? 0) + 1
  }
}
