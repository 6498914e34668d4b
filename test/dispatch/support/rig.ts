import { expect } from 'vitest'
import type { PromptReply, RequestHead } from '#src/acceptor/types.js'
import type { RouteConfig, RouteMatch } from '#src/config/types.js'
import { Dispatcher, type DispatcherOptions, Router, type WorkerLink } from '#src/dispatch/index.js'
import { createRingBuffer, Mailbox, RingReader, RingWriter } from '#src/mailbox/index.js'
import { SharedCounters, WorkerBoard } from '#src/memory/index.js'
import { GATEWAY_COUNTERS, type GatewayCounter } from '#src/session/counters.js'
import { now } from '#src/time/index.js'
import { FakeExchange } from './fake-exchange.js'
import { FakeWorker } from './fake-worker.js'

/** The rest of this loop turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function route(match: Partial<RouteMatch> = {}): RouteConfig {
  return {
    name: 'route',
    match: { host: null, path: '/*', methods: null, ...match },
    upstream: 'app',
    filters: [],
    bufferRequestBody: false,
    upgrades: [],
    bufferResponseBody: false,
  }
}

export interface RigOptions {
  readonly workers?: number
  readonly sessionsPerWorker?: number
  readonly routes?: readonly RouteConfig[]
  readonly responseEdits?: DispatcherOptions['responseEdits']
  readonly hits?: NonNullable<DispatcherOptions['hits']>
  readonly queue?: NonNullable<DispatcherOptions['queue']>
  /** Size of each ring. */
  readonly ringBytes?: number
}

/** One place for a worker, and the link that it has now. */
interface Place {
  link: WorkerLink
  worker: FakeWorker
}

/** A dispatcher between exchanges without sockets and workers without threads. */
export class Rig {
  readonly board: WorkerBoard
  readonly dispatcher: Dispatcher
  readonly options: DispatcherOptions
  readonly exchanges: FakeExchange[] = []
  readonly corrupt: Error[] = []
  readonly answeredHere: number[] = []
  idles = 0
  readonly #counters = new SharedCounters(GATEWAY_COUNTERS, 1)
  readonly #places: (Place | null)[]
  readonly #ringBytes: number

  constructor(options: RigOptions = {}) {
    const { workers = 1, sessionsPerWorker = 100, routes = [route()], ringBytes = 1024 * 1024 } = options
    this.board = new WorkerBoard(workers)
    this.#ringBytes = ringBytes
    this.options = {
      routes,
      responseEdits: options.responseEdits ?? [],
      router: new Router(routes),
      board: this.board,
      counters: this.#counters.row(0),
      sessionsPerWorker,
      onEndedHere: ({ status }) => this.answeredHere.push(status),
      ...(options.hits === undefined ? {} : { hits: options.hits }),
      ...(options.queue === undefined ? {} : { queue: options.queue }),
      onRefused: () => undefined,
      onIdle: () => {
        this.idles += 1
      },
    }
    this.dispatcher = new Dispatcher(this.options)
    this.#places = Array.from({ length: workers }, () => null)
    for (let worker = 0; worker < workers; worker += 1) this.addWorker(worker)
  }

  count(name: GatewayCounter): number {
    return this.#counters.total(name)
  }

  /** A worker comes up in this place. */
  addWorker(index: number): FakeWorker {
    const toWorker = createRingBuffer(this.#ringBytes)
    const toAcceptor = createRingBuffer(this.#ringBytes)
    const handler = this.dispatcher.handlerFor((error) => this.corrupt.push(error))
    const mailbox = new Mailbox(
      new RingWriter(toWorker),
      new RingReader(toAcceptor),
      () => setImmediate(() => worker.mailbox.wake()),
      handler,
    )
    const link = { worker: index, mailbox, toWorker, toAcceptor }
    handler.link = link
    const worker = new FakeWorker(toWorker, toAcceptor, () => setImmediate(() => mailbox.wake()))
    this.#places[index] = { link, worker }
    // From here on only bells wake the acceptor's end.
    worker.mailbox.wake()
    mailbox.wake()
    this.dispatcher.addLink(link)
    return worker
  }

  /** The worker in this place dies. */
  loseWorker(index: number): void {
    const place = this.#place(index)
    this.#places[index] = null
    this.dispatcher.removeLink(place.link)
  }

  hasWorker(index: number): boolean {
    return this.#places[index] !== null
  }

  worker(index = 0): FakeWorker {
    return this.#place(index).worker
  }

  link(index = 0): WorkerLink {
    return this.#place(index).link
  }

  get workers(): FakeWorker[] {
    return this.#places.flatMap((place) => (place === null ? [] : [place.worker]))
  }

  /** @param hasRoom the client takes what is written */
  request(head: Partial<RequestHead> = {}, finishesAtOnce = true, hasRoom = true): FakeExchange {
    const exchange = new FakeExchange(
      this.dispatcher,
      headOf({ requestId: `req-${this.exchanges.length}`, ...head }),
    )
    exchange.finishesAtOnce = finishesAtOnce
    exchange.hasRoom = hasRoom
    this.exchanges.push(exchange)
    this.dispatcher.onRequest(exchange)
    return exchange
  }

  /** What an acceptor gets that asks for an answer at once; null: none. */
  atOnce(head: Partial<RequestHead> = {}): { status: number; headerBlock: string; body: string } | null {
    const given: { status: number; headerBlock: string; body: string }[] = []
    const reply: PromptReply = {
      respond: (status, _, headerBlock, body) =>
        given.push({ status, headerBlock, body: Buffer.from(body).toString('latin1') }),
    }
    const isAnswered = this.dispatcher.answerAtOnce(headOf(head), reply)
    expect(given.length).toBe(isAnswered ? 1 : 0)
    return given[0] ?? null
  }

  /** A request that has reached its worker. */
  async open(head: Partial<RequestHead> = {}, finishesAtOnce = true): Promise<FakeExchange> {
    const exchange = this.request(head, finishesAtOnce)
    await this.settle()
    return exchange
  }

  /** Waits until nothing is left to say. Workers look by themselves now and then, the acceptor's end waits for its bell. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; ) {
      const before = this.#traffic()
      for (const place of this.#places) place?.worker.mailbox.wake()
      for (let turns = 0; turns < 3; turns += 1) await turn()
      quiet = this.#traffic() === before ? quiet + 1 : 0
    }
  }

  /** What has moved in all rings so far. */
  #traffic(): string {
    const words = (ring: SharedArrayBuffer): string =>
      [0, 16].map((word) => new Int32Array(ring)[word]).join()
    return this.#places
      .map((place) => (place === null ? '' : words(place.link.toWorker) + words(place.link.toAcceptor)))
      .join()
  }

  #place(index: number): Place {
    const place = this.#places[index]
    if (place === null || place === undefined) throw new Error(`no worker ${index}`)
    return place
  }
}

/** Every session has found exactly one end. */
export function expectNothingLeft(rig: Rig): void {
  expect(rig.dispatcher.inFlight).toBe(0)
  for (let worker = 0; worker < rig.board.workers; worker += 1) expect(rig.board.inFlight(worker)).toBe(0)
  expect(rig.count('answered') + rig.count('aborted')).toBe(rig.count('requests'))
  for (const exchange of rig.exchanges) {
    expect(exchange.isOver).toBe(true)
    expect(exchange.misuse).toEqual([])
    expect(exchange.owner).toBeNull()
  }
  for (const worker of rig.workers) {
    expect(worker.problems).toEqual([])
    expect(worker.live).toEqual([])
  }
}

const SELECTING = /(?:^|\n)(?:cache-control|pragma|range|authorization|if-[a-z-]+): /

function headOf(head: Partial<RequestHead>): RequestHead {
  return {
    method: 'GET',
    target: '/',
    host: 'example.com',
    headerBlock: 'host: example.com\r\n',
    claims: '',
    selects: SELECTING.test(head.headerBlock ?? ''),
    contentLength: -1,
    remoteAddress: '127.0.0.1',
    upgrade: '',
    requestId: 'req-0',
    startMs: now(),
    ...head,
  }
}
