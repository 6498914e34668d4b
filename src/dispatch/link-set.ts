import type { WorkerBoard } from '../memory/index.js'
import type { WorkerLink } from './worker-link.js'

/** The workers that take new sessions. */
export class LinkSet {
  readonly #links: WorkerLink[] = []
  readonly #board: WorkerBoard
  #turn = 0

  constructor(board: WorkerBoard) {
    this.#board = board
  }

  add(link: WorkerLink): void {
    this.#links.push(link)
  }

  remove(link: WorkerLink): void {
    const at = this.#links.indexOf(link)
    if (at >= 0) this.#links.splice(at, 1)
  }

  /** The worker with the fewest sessions whose mailbox has room; among equals they take turns. Null: there is none. */
  leastLoaded(): WorkerLink | null {
    const links = this.#links
    let best: WorkerLink | null = null
    let bestLoad = Number.POSITIVE_INFINITY
    this.#turn += 1
    for (let i = 0; i < links.length; i += 1) {
      const link = links[(i + this.#turn) % links.length]
      // A damaged mailbox is closed: its worker is about to be removed.
      if (link === undefined || link.mailbox.closed || link.mailbox.full) continue
      const load = this.#board.inFlight(link.worker)
      if (load >= bestLoad) continue
      best = link
      bestLoad = load
    }
    return best
  }
}
