import type { Downstream } from '../acceptor/types.js'
import { overloaded } from '../lifecycle/index.js'
import type { CounterRow, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import { now } from '../time/index.js'
import type { Routing } from './dispatcher-options.js'
import type { LinkSet } from './link-set.js'
import type { OwnAnswers } from './own-answers.js'
import type { RequestBodies } from './request-bodies.js'
import type { Slot } from './slot-table.js'
import { type Priority, WaitingRoom, type WaitingSession } from './waiting-room.js'
import type { WorkerLink } from './worker-link.js'

export interface OverloadOptions {
  readonly board: WorkerBoard
  readonly counters: CounterRow<GatewayCounter>
  readonly links: LinkSet
  readonly bodies: RequestBodies
  /** A session has waited until this worker had room. @returns `refused`: it was answered; `full`: there was no room after all */
  open(link: WorkerLink, session: WaitingSession): Slot | 'refused' | 'full'
}

/**
 * What becomes of sessions when there are more than workers have room for: those of low priority are shed, others
 * wait for a bounded time, and the rest is refused.
 */
export class Overload {
  readonly #options: OverloadOptions
  readonly #room = new WaitingRoom(({ exchange, route, own }) => own.error(exchange, route, overloaded()))
  #routing: Pick<Routing, 'queue' | 'sessionsPerWorker' | 'priorities'>
  /** Priorities below this are refused. 0: none are, 3: all. */
  shedBelow = 0

  constructor(options: OverloadOptions, routing: Routing) {
    this.#options = options
    this.#routing = routing
  }

  /** From now on another configuration says how many a worker takes and how many may wait. */
  use(routing: Routing): void {
    this.#routing = routing
  }

  /** Sessions that wait. */
  get waiting(): number {
    return this.#room.size
  }

  /** The worker for a new session; null: none has room, or others have waited for it longer. */
  roomyLink(): WorkerLink | null {
    return this.#room.size > 0 ? null : this.#leastLoaded()
  }

  /** The session is not important enough at the moment: it was refused. */
  sheds(exchange: Downstream, route: number, own: OwnAnswers): boolean {
    if (this.shedBelow === 0 || this.#priority(route) >= this.shedBelow) return false
    this.#options.counters.add('shed')
    own.error(exchange, route, overloaded())
    return true
  }

  /** No worker has room for it: it waits, or is refused where too many do. */
  onFull(exchange: Downstream, target: string, forwarding: string, route: number, own: OwnAnswers): void {
    const { queue } = this.#routing
    if (queue === undefined || this.#room.size >= queue.sessions) {
      this.reject(exchange, route, own)
      return
    }
    this.#options.counters.add('queued')
    const untilMs = now() + queue.waitMs
    this.#room.add({ exchange, target, forwarding, route, own, pieces: [], untilMs }, this.#priority(route))
  }

  /** There is no room for it, neither with a worker nor among those that wait. */
  reject(exchange: Downstream, route: number, own: OwnAnswers): void {
    this.#options.counters.add('rejected:queue_full')
    own.error(exchange, route, overloaded())
  }

  /** A piece of body of a session that waits. @returns false when it does not, or brings more than may be kept */
  keep(exchange: Downstream, chunk: Uint8Array, last: boolean): boolean {
    return this.#room.keep(exchange, chunk, last)
  }

  /** A session waits no more. @returns null when it did not */
  remove(exchange: Downstream): WaitingSession | null {
    return this.#room.remove(exchange)
  }

  /** Opens sessions that wait, as far as workers have room. */
  admit(): void {
    const { bodies, open } = this.#options
    while (this.#room.size > 0) {
      const link = this.#leastLoaded()
      const session = link === null ? null : this.#room.next()
      if (link === null || session === null) return
      const slot = open(link, session)
      if (slot === 'full') {
        this.#room.putBack(session, this.#priority(session.route))
        return
      }
      if (slot === 'refused') continue
      slot.paused = true
      for (const { bytes, last } of session.pieces) bodies.send(slot, link, bytes, last)
      if (slot.waiting.length > 0 || link.mailbox.congested) continue
      slot.paused = false
      session.exchange.resumeBody()
    }
  }

  #leastLoaded(): WorkerLink | null {
    const { links, board } = this.#options
    const link = links.leastLoaded()
    return link === null || board.inFlight(link.worker) >= this.#routing.sessionsPerWorker ? null : link
  }

  #priority(route: number): Priority {
    return this.#routing.priorities?.[route] ?? 1
  }
}
