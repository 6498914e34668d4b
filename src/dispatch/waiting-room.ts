import type { Downstream } from '../acceptor/types.js'
import { now } from '../time/index.js'
import type { OwnAnswers } from './own-answers.js'

/** What is refused first when there is too much, and served last when there is little room: 0 low, 1 normal, 2 high. */
export type Priority = 0 | 1 | 2

/** A session that no worker has room for yet. */
export interface WaitingSession {
  readonly exchange: Downstream
  readonly target: string
  readonly forwarding: string
  readonly route: number
  readonly own: OwnAnswers
  /** Of the body, what came although it was told to pause: copies. */
  readonly pieces: { readonly bytes: Uint8Array; readonly last: boolean }[]
  readonly untilMs: number
}

/** Bytes of body that a waiting session may bring in spite of its pause. */
const MAX_PIECES_BYTES = 512 * 1024

/** Sessions that wait for a worker with room: a bounded number for a bounded time, the important ones first. */
export class WaitingRoom {
  readonly #queues: readonly WaitingSession[][] = [[], [], []]
  readonly #byExchange = new Map<Downstream, WaitingSession>()
  readonly #onTimeout: (session: WaitingSession) => void
  #timer: NodeJS.Timeout | null = null

  /** @param onTimeout it has waited in vain, and does not wait any more */
  constructor(onTimeout: (session: WaitingSession) => void) {
    this.#onTimeout = onTimeout
  }

  get size(): number {
    return this.#byExchange.size
  }

  add(session: WaitingSession, priority: Priority): void {
    this.#queues[priority]?.push(session)
    this.#byExchange.set(session.exchange, session)
    session.exchange.pauseBody()
    this.#timer ??= setTimeout(() => this.#look(), Math.max(1, session.untilMs - now()))
  }

  /** It was its turn, but it has to wait on: as the next one. */
  putBack(session: WaitingSession, priority: Priority): void {
    this.#queues[priority]?.unshift(session)
    this.#byExchange.set(session.exchange, session)
  }

  /** The one whose turn it is. */
  next(): WaitingSession | null {
    for (let priority = 2; priority >= 0; priority -= 1) {
      for (;;) {
        const session = this.#queues[priority]?.shift()
        if (session === undefined) break
        if (this.#byExchange.delete(session.exchange)) return session
      }
    }
    return null
  }

  /** A piece of body of a session that waits. @returns false when it does not, or brings too much */
  keep(exchange: Downstream, chunk: Uint8Array, last: boolean): boolean {
    const session = this.#byExchange.get(exchange)
    if (session === undefined) return false
    const kept = session.pieces.reduce((sum, { bytes }) => sum + bytes.length, 0)
    if (kept + chunk.length > MAX_PIECES_BYTES) return false
    session.pieces.push({ bytes: new Uint8Array(chunk), last })
    return true
  }

  /** The client has left. @returns what waited, or null */
  remove(exchange: Downstream): WaitingSession | null {
    const session = this.#byExchange.get(exchange) ?? null
    this.#byExchange.delete(exchange)
    return session
  }

  #look(): void {
    this.#timer = null
    const nowMs = now()
    let nextMs = Number.POSITIVE_INFINITY
    for (const queue of this.#queues) {
      while (queue[0] !== undefined) {
        const [session] = queue
        if (this.#byExchange.has(session.exchange) && session.untilMs > nowMs) {
          nextMs = Math.min(nextMs, session.untilMs)
          break
        }
        queue.shift()
        if (this.#byExchange.delete(session.exchange)) this.#onTimeout(session)
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#look(), Math.max(1, nextMs - nowMs))
  }
}
