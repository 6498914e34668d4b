import type { AcceptorHandler, Downstream, PromptReply, Refusal, RequestHead } from '../acceptor/types.js'
import { overloaded, workerLost } from '../lifecycle/index.js'
import { ABORT, type MailboxHandler, writeOpen, writeSent } from '../mailbox/index.js'
import { CLIENT_LEFT } from '../telemetry/index.js'
import { now } from '../time/index.js'
import { CachedAnswers } from './cached-answers.js'
import type { DispatcherOptions, Routing } from './dispatcher-options.js'
import { HitStream } from './hit-stream.js'
import { DEFAULT_INTAKE, Intake } from './intake.js'
import { LinkSet } from './link-set.js'
import { Overload } from './overload.js'
import { OwnAnswers } from './own-answers.js'
import { ownSessionOf, type UnderWay } from './own-session.js'
import { RequestBodies } from './request-bodies.js'
import { ResponseFrames } from './response-frames.js'
import { SessionCounts } from './session-counts.js'
import { type Slot, SlotTable, slotOf } from './slot-table.js'
import type { WaitingSession } from './waiting-room.js'
import type { WorkerLink } from './worker-link.js'

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
  readonly #responses: ResponseFrames
  readonly #overload: Overload

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#counts = new SessionCounts(options.counters)
    this.#slots = new SlotTable(options.board.workers * options.sessionsPerWorker)
    this.#links = new LinkSet(options.board)
    this.#intake = new Intake(options.router, options.intake ?? DEFAULT_INTAKE)
    this.#responses = new ResponseFrames(this.#slots, this.#bodies, this.#counts, (slot) => this.#free(slot))
    const { board, counters } = options
    const open = (link: WorkerLink, session: WaitingSession) => this.#openWaiting(link, session)
    this.#overload = new Overload(
      { board, counters, links: this.#links, bodies: this.#bodies, open },
      options,
    )
    this.#own = this.#ownAnswers(options)
    this.#cached = this.#cachedAnswers(options)
  }

  /** From now on new sessions go by another configuration; those in flight end as they began. */
  use(routing: Routing): void {
    this.#intake = new Intake(routing.router, routing.intake ?? DEFAULT_INTAKE)
    this.#overload.use(routing)
    this.#own = this.#ownAnswers(routing)
    this.#cached = this.#cachedAnswers(routing)
    this.#slots.limit = this.#options.board.workers * routing.sessionsPerWorker
  }

  /** Sessions in flight, those that wait for a worker among them. */
  get inFlight(): number {
    return this.#slots.used + this.#overload.waiting + this.#underWay.answers
  }

  /** Routes whose hits need no worker, as a worker that has loaded their filters tells. */
  allowHits(routes: readonly number[]): void {
    this.#cached?.allow(routes)
  }

  /** There is too much: sessions of lower priority are refused. 0: none are, 3: all. */
  shedBelow(priority: number): void {
    this.#overload.shedBelow = priority
  }

  /** A worker is ready to take sessions. */
  addLink(link: WorkerLink): void {
    this.#links.add(link)
    this.#overload.admit()
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
      const { exchange, route, answered, own } = slot
      if (slot.complete) {
        slot.link = null
        this.#options.board.addInFlight(link.worker, -1)
        continue
      }
      if (exchange !== null && own !== null) {
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
    const overload = this.#overload
    if (overload.sheds(exchange, route, own)) return
    const link = overload.roomyLink()
    if (link === null || this.#open(link, exchange, target, forwarding, route, own) === null)
      overload.onFull(exchange, target, forwarding, route, own)
  }

  /** @returns null when there is no room for it */
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
      return null
    }
    exchange.owner = slot
    this.#options.board.addInFlight(link.worker, 1)
    return slot
  }

  #openWaiting(link: WorkerLink, session: WaitingSession): Slot | 'refused' | 'full' {
    const { exchange, target, forwarding, route, own } = session
    if (own === this.#own) return this.#open(link, exchange, target, forwarding, route, own) ?? 'full'
    // The routes may be others by now.
    own.error(exchange, route, overloaded())
    return 'refused'
  }

  onBody(exchange: Downstream, chunk: Uint8Array, last: boolean): void {
    const slot = slotOf(exchange)
    if (slot === null && this.#overload.waiting > 0 && !this.#overload.keep(exchange, chunk, last))
      this.#giveUp(exchange)
    if (slot === null || slot.link === null) return
    this.#counts.bytesIn.add(chunk.length)
    this.#bodies.send(slot, slot.link, chunk, last)
  }

  onAbort(exchange: Downstream, refusal?: Refusal): void {
    const slot = slotOf(exchange)
    if (slot === null) {
      const session = this.#overload.remove(exchange)
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
    if (!slot.answered) slot.own?.count(exchange, slot.route, refused > 0 ? refused : CLIENT_LEFT)
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
    this.#responses.onDrain(slot)
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
      onFrame: (frame) => this.#responses.onFrame(frame),
      onRoom: () => {
        if (handler.link !== null) this.#bodies.onRoom(handler.link)
        this.#overload.admit()
      },
      onCorrupt,
    }
    return handler
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
    const session = this.#overload.remove(exchange)
    if (session === null) return
    session.own.left(exchange, session.route)
    exchange.abort()
    if (this.inFlight === 0) this.#options.onIdle()
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
    if (this.#overload.waiting > 0) this.#overload.admit()
    if (this.inFlight === 0) this.#options.onIdle()
  }
}
