import type { AcceptorHandler, Downstream, Refusal } from '../acceptor/types.js'
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
import { type GatewayCounter, statusCounter } from '../session/counters.js'
import { type AnswerCounts, CLIENT_LEFT } from '../telemetry/index.js'
import { now } from '../time/index.js'
import { CachedAnswers, type HitServices } from './cached-answers.js'
import { noAnswer } from './dispatch-errors.js'
import { HitStream } from './hit-stream.js'
import { DEFAULT_INTAKE, Intake, type IntakeOptions } from './intake.js'
import { OwnAnswers } from './own-answers.js'
import type { EndedHere } from './own-session.js'
import { RequestBodies } from './request-bodies.js'
import type { Router } from './router.js'
import { type Slot, SlotTable, slotOf } from './slot-table.js'
import type { WorkerLink } from './worker-link.js'
import { WorkerLinks } from './worker-links.js'

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
  /** A session has ended of which no worker can tell: it was answered here, or its worker was lost. */
  onEndedHere?(end: EndedHere): void
  onRefused(refusal: Refusal, requestId: string, remoteAddress: string): void
  /** No session is in flight any more; only called while somebody waits for it. */
  onIdle(): void
}

/** Hands sessions from the acceptor to the least loaded worker and moves their frames both ways. Runs on the acceptor's thread. */
export class Dispatcher implements AcceptorHandler {
  readonly #options: DispatcherOptions
  readonly #slots: SlotTable
  readonly #links: WorkerLinks
  readonly #bodies = new RequestBodies()
  readonly #intake: Intake
  readonly #own: OwnAnswers
  readonly #cached: CachedAnswers | null

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#links = new WorkerLinks(options.board)
    this.#slots = new SlotTable(options.board.workers * options.sessionsPerWorker)
    this.#intake = new Intake(options.router, options.intake ?? DEFAULT_INTAKE)
    this.#own = new OwnAnswers(options)
    this.#cached = options.hits === undefined ? null : new CachedAnswers({ ...options, hits: options.hits })
  }

  /** Sessions in flight. */
  get inFlight(): number {
    return this.#slots.used + this.#own.pending + (this.#cached?.streams ?? 0)
  }

  /** Routes whose hits need no worker, as a worker that has loaded their filters tells. */
  allowHits(routes: readonly number[]): void {
    this.#cached?.allow(routes)
  }

  /** A worker is ready to take sessions. */
  addLink(link: WorkerLink): void {
    this.#links.add(link)
  }

  /** A worker is to get no more sessions; those that it has go on. @returns how many workers are left to take some */
  retireLink(link: WorkerLink): number {
    this.#links.remove(link)
    return this.#links.count
  }

  /** Sessions that a worker's link has not finished. */
  sessionsOf(link: WorkerLink): number {
    return this.#slots.of(link).length
  }

  /**
   * A worker is gone: its sessions get 502, or a broken connection if the client has seen a part already (C3). Whose answer
   * lies whole in the acceptor, or was published before the worker died, notices nothing.
   */
  removeLink(link: WorkerLink): void {
    this.retireLink(link)
    link.mailbox.readAll()
    link.mailbox.close()
    this.#bodies.forget(link)
    for (const slot of this.#slots.of(link)) {
      const { exchange, route, answered } = slot
      if (slot.complete) {
        slot.link = null
        this.#options.board.addInFlight(link.worker, -1)
        continue
      }
      if (exchange !== null) {
        if (answered) this.#cutOff(exchange, route, slot.status)
        else this.#own.error(exchange, route, workerLost())
      }
      this.#free(slot)
    }
  }

  onConnection(): void {
    this.#options.counters.add('connections_opened')
  }

  onRequest(exchange: Downstream): void {
    const { head } = exchange
    const { board, counters, sessionsPerWorker } = this.#options
    const intake = this.#intake
    counters.add('requests')
    const problem = intake.look(head)
    const { route } = intake
    if (problem !== null) {
      this.#own.error(exchange, route, problem)
      return
    }
    if (this.#own.serve(exchange, route, intake.target)) return
    if (this.#cached?.serve(exchange, route, intake.target, intake.forwarding) === true) return
    const link = this.#links.leastLoaded()
    if (link === null || board.inFlight(link.worker) >= sessionsPerWorker) {
      this.#own.error(exchange, route, overloaded())
      return
    }
    const slot = this.#slots.take(exchange, link, route)
    if (slot === null) {
      this.#own.error(exchange, route, overloaded())
      return
    }
    const opened = writeOpen(link.mailbox, slot.index, slot.generation, {
      method: head.method,
      target: intake.target,
      headerBlock: head.headerBlock,
      remoteAddress: head.remoteAddress,
      requestId: head.requestId,
      startMs: head.startMs,
      route,
      contentLength: head.contentLength,
      upgrade: head.upgrade,
      forwarding: intake.forwarding,
    })
    if (!opened) {
      this.#slots.release(slot)
      this.#own.error(exchange, route, overloaded())
      return
    }
    exchange.owner = slot
    board.addInFlight(link.worker, 1)
  }

  onBody(exchange: Downstream, chunk: Uint8Array, last: boolean): void {
    const slot = slotOf(exchange)
    if (slot === null || slot.link === null) return
    this.#options.counters.add('bytes_in', chunk.length)
    this.#bodies.send(slot, slot.link, chunk, last)
  }

  onAbort(exchange: Downstream): void {
    const slot = slotOf(exchange)
    if (slot === null) {
      this.#endHere(exchange, false)
      return
    }
    this.#options.counters.add('aborted')
    if (!slot.answered) this.#options.answers?.add(slot.route, exchange.head.method, CLIENT_LEFT)
    slot.link?.mailbox.reserve(ABORT, slot.index, slot.generation, 0)
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
    this.#options.counters.add('answered')
    this.#options.counters.add('bytes_out', exchange.bytesOut)
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
        this.#free(slot)
        if (answered) {
          this.#options.counters.add('aborted')
          exchange.abort()
        } else this.#own.error(exchange, route, noAnswer())
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
    slot.answered = true
    slot.status = head.status
    slot.complete = head.complete
    slot.wantSent = head.wantSent
    this.#options.counters.add(statusCounter(head.status))
    this.#options.answers?.add(slot.route, exchange.head.method, head.status)
    if (head.status === 101) {
      slot.tunnel = true
      exchange.upgrade?.(head.statusText, head.headerBlock)
      return
    }
    if (!head.complete) {
      exchange.writeHead(head.status, head.statusText, head.headerBlock, head.contentLength)
      return
    }
    exchange.respond(head.status, head.statusText, head.headerBlock, headBody(frame), head.contentLength)
  }

  /** Lets the worker send more once `atLeast` bytes have gone out. */
  #grant(slot: Slot, atLeast: number): void {
    if (slot.stalled || slot.ungranted < atLeast || slot.link === null) return
    slot.link.mailbox.reserve(CREDIT, slot.index, slot.generation, 0, slot.ungranted)
    slot.ungranted = 0
  }

  /** The client has seen a part of an answer that nobody can complete any more. */
  #cutOff(exchange: Downstream, route: number, status: number): void {
    const error = workerLost()
    this.#options.counters.add('aborted')
    this.#options.counters.add(`error:${error.reason}`)
    exchange.abort()
    const { head, bytesOut } = exchange
    this.#options.onEndedHere?.({ head, route, status, error, bytesOut, isSent: false })
  }

  /** An answer of the acceptor's own, or a large one out of the cache, is over. */
  #endHere(exchange: Downstream, isSent: boolean): void {
    const { owner } = exchange
    if (owner instanceof HitStream) this.#cached?.end(exchange, owner, isSent)
    else if (!this.#own.end(exchange, isSent)) return
    if (this.inFlight === 0) this.#options.onIdle()
  }

  #free(slot: Slot): void {
    // Of a lost worker's session the acceptor answers itself, it is the owner by now.
    if (slot.exchange?.owner === slot) slot.exchange.owner = null
    if (slot.link !== null) this.#options.board.addInFlight(slot.link.worker, -1)
    this.#slots.release(slot)
    if (this.inFlight === 0) this.#options.onIdle()
  }
}
