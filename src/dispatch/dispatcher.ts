import type { AcceptorHandler, Downstream, PromptReply, Refusal, RequestHead } from '../acceptor/types.js'
import type { RouteConfig } from '../config/types.js'
import type { HeaderEdits } from '../filters/index.js'
import { overloaded, workerLost } from '../lifecycle/index.js'
import {
  ABORT,
  BODY,
  bodyView,
  CREDIT,
  END,
  FAIL,
  HEAD,
  headBody,
  INFO,
  type MailboxHandler,
  type RingReader,
  readHead,
  readText,
  WINDOW_BYTES,
  writeOpen,
  writeSent,
} from '../mailbox/index.js'
import type { CounterRow, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import { type AnswerCounts, CLIENT_LEFT } from '../telemetry/index.js'
import { now } from '../time/index.js'
import { CachedAnswers, type HitServices } from './cached-answers.js'
import { noAnswer } from './dispatch-errors.js'
import { HitStream } from './hit-stream.js'
import { DEFAULT_INTAKE, Intake, type IntakeOptions } from './intake.js'
import { LinkSet } from './link-set.js'
import { OwnAnswers } from './own-answers.js'
import { type EndedHere, ownSessionOf, type UnderWay } from './own-session.js'
import { RequestBodies } from './request-bodies.js'
import type { Router } from './router.js'
import { SessionCounts } from './session-counts.js'
import { type Slot, SlotTable, slotOf } from './slot-table.js'
import { type Priority, WaitingRoom, type WaitingSession } from './waiting-room.js'
import type { WorkerLink } from './worker-link.js'

/** What a dispatcher knows of the configuration. */
export type Routing = Pick<
  DispatcherOptions,
  | 'routes'
  | 'responseEdits'
  | 'router'
  | 'intake'
  | 'sessionsPerWorker'
  | 'commonFields'
  | 'serverTiming'
  | 'proxyStatus'
  | 'queue'
  | 'priorities'
  | 'answers'
  | 'hits'
  | 'onEndedHere'
>

export interface DispatcherOptions {
  readonly routes: readonly RouteConfig[]
  /** For each route the edits of the built-in filter `headers` that answers of the acceptor get too. */
  readonly responseEdits: readonly (readonly HeaderEdits[])[]
  readonly router: Router
  /** Default {@link DEFAULT_INTAKE}. */
  readonly intake?: IntakeOptions
  readonly board: WorkerBoard
  readonly counters: CounterRow<GatewayCounter>
  /** Answers by route, method and status. Default: not counted. */
  readonly answers?: AnswerCounts
  readonly sessionsPerWorker: number
  /** Absent: no route has a cache. */
  readonly hits?: HitServices
  /** How many sessions may wait for a worker with room, and how long. Default: none. */
  readonly queue?: { readonly sessions: number; readonly waitMs: number }
  /** Of each route. Default: all normal. */
  readonly priorities?: readonly Priority[]
  /** Field lines that every answer gets. Default none. */
  readonly commonFields?: string
  /** Answers made here tell in `Server-Timing` where the time went. Default false. */
  readonly serverTiming?: boolean
  /** Errors told here have `Proxy-Status`. Default true. */
  readonly proxyStatus?: boolean
  /** A session has ended of which no worker can tell: it was answered here, or its worker was lost. */
  onEndedHere?(end: EndedHere): void
  onRefused(refusal: Refusal, requestId: string, remoteAddress: string): void
  /** No session is in flight any more; only called while somebody waits for it. */
  onIdle(): void
}

/** Hands sessions from the acceptor to the least loaded worker and moves their frames both ways. Runs on the acceptor's thread. */
export class Dispatcher implements AcceptorHandler {
  readonly #options: DispatcherOptions
  readonly #counts: SessionCounts
  readonly #slots: SlotTable
  readonly #links: LinkSet
  readonly #bodies = new RequestBodies()
  readonly #underWay: UnderWay = { answers: 0 }
  #intake: Intake
  #own: OwnAnswers
  #cached: CachedAnswers | null
  #routing: Routing
  /** Priorities below this are refused. */
  #shedBelow = 0
  readonly #room = new WaitingRoom((session) => this.#onWaitedInVain(session))

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#counts = new SessionCounts(options.counters)
    this.#slots = new SlotTable(options.board.workers * options.sessionsPerWorker)
    this.#links = new LinkSet(options.board)
    this.#intake = new Intake(options.router, options.intake ?? DEFAULT_INTAKE)
    this.#routing = options
    this.#own = this.#ownAnswers(options)
    this.#cached = this.#cachedAnswers(options)
  }

  /** From now on new sessions go by another configuration; those in flight end as they began. */
  use(routing: Routing): void {
    this.#intake = new Intake(routing.router, routing.intake ?? DEFAULT_INTAKE)
    this.#routing = routing
    this.#own = this.#ownAnswers(routing)
    this.#cached = this.#cachedAnswers(routing)
    this.#slots.limit = this.#options.board.workers * routing.sessionsPerWorker
  }

  /** Sessions in flight, those that wait for a worker among them. */
  get inFlight(): number {
    return this.#slots.used + this.#room.size + this.#underWay.answers
  }

  /** Routes whose hits need no worker, as a worker that has loaded their filters tells. */
  allowHits(routes: readonly number[]): void {
    this.#cached?.allow(routes)
  }

  /** There is too much: sessions of lower priority are refused. 0: none are, 3: all. */
  shedBelow(priority: number): void {
    this.#shedBelow = priority
  }

  /** A worker is ready to take sessions. */
  addLink(link: WorkerLink): void {
    this.#links.add(link)
    this.#admit()
  }

  /** A worker gets no new sessions any more, and finishes those that it has. */
  retireLink(link: WorkerLink): void {
    this.#links.remove(link)
  }

  /**
   * A worker is gone: its sessions get 502, or a broken connection if the client has seen a part already (C3). Whose answer
   * lies whole in the acceptor, or was published before the worker died, notices nothing.
   */
  removeLink(link: WorkerLink): void {
    this.#links.remove(link)
    link.mailbox.readAll()
    link.mailbox.close()
    this.#bodies.forget(link)
    for (const slot of this.#slots.of(link)) {
      const { exchange, route, answered } = slot
      const own = this.#ownOf(slot)
      if (slot.complete) {
        slot.link = null
        this.#options.board.addInFlight(link.worker, -1)
        continue
      }
      if (exchange !== null) {
        if (answered) own.cutOff(exchange, route, slot.status, workerLost())
        else own.error(exchange, route, workerLost())
      }
      this.#free(slot)
    }
  }

  onConnection(): void {
    this.#options.counters.add('connections_opened')
  }

  answerAtOnce(head: RequestHead, reply: PromptReply): boolean {
    return this.#cached?.serveKnown(head, reply) ?? false
  }

  onRequest(exchange: Downstream): void {
    const { head } = exchange
    const { board } = this.#options
    const own = this.#own
    const intake = this.#intake
    this.#counts.requests.add()
    const problem = intake.look(head)
    const { route } = intake
    if (problem !== null) {
      own.error(exchange, route, problem)
      return
    }
    const { target, forwarding } = intake
    if (own.serve(exchange, route, target)) return
    if (this.#cached?.serve(exchange, route, target, forwarding) === true) return
    if (this.#shedBelow > 0 && this.#priority(route) < this.#shedBelow) {
      this.#options.counters.add('shed')
      own.error(exchange, route, overloaded())
      return
    }
    const link = this.#room.size > 0 ? null : this.#links.leastLoaded()
    if (link === null || board.inFlight(link.worker) >= this.#routing.sessionsPerWorker) {
      if (!this.#wait(exchange, target, forwarding, route, own)) this.#rejectFull(exchange, route, own)
      return
    }
    this.#open(link, exchange, target, forwarding, route, own)
  }

  /** @returns null when it was refused */
  #open(
    link: WorkerLink,
    exchange: Downstream,
    target: string,
    forwarding: string,
    route: number,
    own: OwnAnswers,
  ): Slot | null {
    const { head } = exchange
    const slot = this.#slots.take(exchange, link, route, own)
    const opened =
      slot !== null &&
      writeOpen(link.mailbox, slot.index, slot.generation, {
        method: head.method,
        target,
        headerBlock: head.headerBlock,
        remoteAddress: head.remoteAddress,
        requestId: head.requestId,
        startMs: head.startMs,
        route,
        contentLength: head.contentLength,
        upgrade: head.upgrade,
        endsWebSocket: head.endsWebSocket,
        forwarding,
        clientCertificate: head.clientCertificate,
      })
    if (slot === null || !opened) {
      if (slot !== null) this.#slots.release(slot)
      this.#rejectFull(exchange, route, own)
      return null
    }
    exchange.owner = slot
    this.#options.board.addInFlight(link.worker, 1)
    return slot
  }

  /** There is no room for it, neither with a worker nor among those that wait. */
  #rejectFull(exchange: Downstream, route: number, own: OwnAnswers): void {
    this.#options.counters.add('rejected:queue_full')
    own.error(exchange, route, overloaded())
  }

  #priority(route: number): Priority {
    return this.#routing.priorities?.[route] ?? 1
  }

  #wait(exchange: Downstream, target: string, forwarding: string, route: number, own: OwnAnswers): boolean {
    const { queue } = this.#routing
    if (queue === undefined || this.#room.size >= queue.sessions) return false
    this.#options.counters.add('queued')
    const untilMs = now() + queue.waitMs
    this.#room.add({ exchange, target, forwarding, route, own, pieces: [], untilMs }, this.#priority(route))
    return true
  }

  /** Sessions that wait, as far as workers have room. */
  #admit(): void {
    while (this.#room.size > 0) {
      const link = this.#links.leastLoaded()
      if (link === null || this.#options.board.inFlight(link.worker) >= this.#routing.sessionsPerWorker)
        return
      const session = this.#room.next()
      if (session === null) return
      const { exchange, target, forwarding, own, route, pieces } = session
      // The routes may be others by now.
      if (own !== this.#own) {
        own.error(exchange, route, overloaded())
        continue
      }
      const slot = this.#open(link, exchange, target, forwarding, route, own)
      if (slot === null) continue
      slot.paused = true
      for (const { bytes, last } of pieces) this.#bodies.send(slot, link, bytes, last)
      if (slot.waiting.length > 0 || link.mailbox.congested) continue
      slot.paused = false
      exchange.resumeBody()
    }
  }

  #onWaitedInVain({ exchange, route, own }: WaitingSession): void {
    own.error(exchange, route, overloaded())
  }

  onBody(exchange: Downstream, chunk: Uint8Array, last: boolean): void {
    const slot = slotOf(exchange)
    if (slot === null && this.#room.size > 0 && !this.#room.keep(exchange, chunk, last))
      this.#giveUp(exchange)
    if (slot === null || slot.link === null) return
    this.#counts.bytesIn.add(chunk.length)
    this.#bodies.send(slot, slot.link, chunk, last)
  }

  onAbort(exchange: Downstream, refusal?: Refusal): void {
    const slot = slotOf(exchange)
    if (slot === null) {
      const session = this.#room.remove(exchange)
      if (session === null) this.#endHere(exchange, false)
      else {
        session.own.left(exchange, session.route, refusal?.status)
        if (this.inFlight === 0) this.#options.onIdle()
      }
      return
    }
    // One outcome for each session: it is answered if it got the acceptor's refusal, else its client has left.
    const refused = refusal === undefined || slot.answered ? 0 : refusal.status
    if (refused > 0) {
      this.#counts.status(refused)
      this.#counts.answered(0)
    } else this.#counts.aborted()
    if (!slot.answered) this.#ownOf(slot).count(exchange, slot.route, refused > 0 ? refused : CLIENT_LEFT)
    slot.link?.mailbox.reserve(ABORT, slot.index, slot.generation, 0, refused)
    this.#free(slot)
  }

  onDrain(exchange: Downstream): void {
    if (exchange.owner instanceof HitStream) {
      exchange.owner.onDrain()
      return
    }
    const slot = slotOf(exchange)
    if (slot === null) return
    slot.stalled = false
    this.#grant(slot, 1)
  }

  onFinish(exchange: Downstream): void {
    const slot = slotOf(exchange)
    if (slot === null) {
      this.#endHere(exchange, true)
      return
    }
    this.#counts.answered(exchange.bytesOut)
    if (slot.wantSent && slot.link !== null) writeSent(slot.link.mailbox, slot.index, slot.generation, now())
    this.#free(slot)
  }

  onRefused(refusal: Refusal, requestId: string, remoteAddress: string): void {
    this.#options.counters.add(`refused:${refusal.kind}`)
    this.#options.onRefused(refusal, requestId, remoteAddress)
  }

  /** What a worker's mailbox calls. @param onCorrupt the worker writes nonsense: have it replaced */
  handlerFor(onCorrupt: (error: Error) => void): MailboxHandler & { link: WorkerLink | null } {
    const handler: MailboxHandler & { link: WorkerLink | null } = {
      link: null,
      onFrame: (frame) => this.#onFrame(frame),
      onRoom: () => {
        if (handler.link !== null) this.#bodies.onRoom(handler.link)
      },
      onCorrupt,
    }
    return handler
  }

  #onFrame(frame: RingReader): void {
    const slot = this.#slots.find(frame.slot, frame.generation)
    if (slot === null || slot.exchange === null) return
    const { exchange } = slot
    switch (frame.kind) {
      case HEAD:
        this.#onHead(slot, exchange, frame)
        return
      case BODY: {
        const room = exchange.write(bodyView(frame))
        slot.ungranted += frame.length
        if (room) this.#grant(slot, WINDOW_BYTES / 2)
        else slot.stalled = true
        return
      }
      case END:
        slot.complete = !slot.tunnel
        exchange.end(readText(frame))
        return
      case FAIL: {
        const { answered, route } = slot
        const own = this.#ownOf(slot)
        this.#free(slot)
        if (answered) {
          this.#counts.aborted()
          exchange.abort()
        } else own.error(exchange, route, noAnswer())
        return
      }
      case INFO:
        exchange.writeInformational?.(frame.a, readText(frame))
        return
      case CREDIT:
        this.#bodies.grant(slot, frame.a)
        return
      default:
    }
  }

  #onHead(slot: Slot, exchange: Downstream, frame: RingReader): void {
    const head = readHead(frame)
    const { status, statusText, contentLength } = head
    const headerBlock = head.headerBlock + this.#ownOf(slot).commonFields
    slot.answered = true
    slot.status = head.status
    slot.complete = head.complete
    slot.wantSent = head.wantSent
    this.#counts.status(status)
    this.#ownOf(slot).count(exchange, slot.route, status)
    if (status === 101) {
      slot.tunnel = true
      exchange.upgrade?.(statusText, head.headerBlock)
      return
    }
    if (!head.complete) {
      exchange.writeHead(status, statusText, headerBlock, contentLength)
      return
    }
    exchange.respond(status, statusText, headerBlock, headBody(frame), contentLength)
  }

  /** Lets the worker send more once `atLeast` bytes have gone out. */
  #grant(slot: Slot, atLeast: number): void {
    if (slot.stalled || slot.ungranted < atLeast || slot.link === null) return
    slot.link.mailbox.reserve(CREDIT, slot.index, slot.generation, 0, slot.ungranted)
    slot.ungranted = 0
  }

  /** An answer of the acceptor's own, or a large one out of the cache, is over. */
  #endHere(exchange: Downstream, isSent: boolean): void {
    if (exchange.owner instanceof HitStream) exchange.owner.end(isSent)
    else {
      const session = ownSessionOf(exchange)
      if (session === null) return
      session.by.end(exchange, session, isSent)
    }
    if (this.inFlight === 0) this.#options.onIdle()
  }

  /** A session that waits has brought more than may be kept. */
  #giveUp(exchange: Downstream): void {
    const session = this.#room.remove(exchange)
    if (session === null) return
    session.own.left(exchange, session.route)
    exchange.abort()
    if (this.inFlight === 0) this.#options.onIdle()
  }

  /** The configuration that a session began with. */
  #ownOf(slot: Slot): OwnAnswers {
    return slot.own ?? this.#own
  }

  #ownAnswers(routing: Routing): OwnAnswers {
    const { counters } = this.#options
    return new OwnAnswers({ ...routing, counters, counts: this.#counts, underWay: this.#underWay })
  }

  #cachedAnswers(routing: Routing): CachedAnswers | null {
    const { hits, intake } = routing
    if (hits === undefined) return null
    const scheme = intake?.scheme ?? 'http'
    return new CachedAnswers({ ...routing, hits, scheme, counts: this.#counts, underWay: this.#underWay })
  }

  #free(slot: Slot): void {
    // Of a lost worker's session the acceptor answers itself, it is the owner by now.
    if (slot.exchange?.owner === slot) slot.exchange.owner = null
    if (slot.link !== null) this.#options.board.addInFlight(slot.link.worker, -1)
    this.#slots.release(slot)
    if (this.#room.size > 0) this.#admit()
    if (this.inFlight === 0) this.#options.onIdle()
  }
}
