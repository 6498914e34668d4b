import { attempt } from '../internal-error.js'
import type { NodeExchange } from './node-exchange.js'

/** Beyond it those are looked for that are over. */
const MOST_BEHIND = 64

/** What the acceptor remembers of one connection. */
export class NodeConnection {
  /** Of the client. Asked for at once: of a client that has reset its connection the system does not tell it any more. */
  readonly address: string
  /** An answer with `Connection: close` is due: whatever else arrives is not looked at. */
  closing = false
  latest: NodeExchange | null = null
  /** Exchanges under way; more than one when the client pipelines. */
  #active = 0
  /**
   * Those that came while another was under way. Node's response has no socket before its turn has come, and is not told when the
   * connection goes.
   */
  #behind: NodeExchange[] = []

  constructor(address: string) {
    this.address = address
  }

  get active(): number {
    return this.#active
  }

  begins(exchange: NodeExchange): void {
    if (this.#active === 0) this.#behind.length = 0
    else {
      if (this.#behind.length >= MOST_BEHIND) this.#behind = this.#behind.filter(({ isOver }) => !isOver)
      this.#behind.push(exchange)
    }
    this.#active += 1
    this.latest = exchange
  }

  /** One of its exchanges is over. @returns whether the connection ends with it */
  ended(): boolean {
    this.#active -= 1
    return this.closing && this.#active === 0
  }

  onClose(): void {
    for (const exchange of this.#behind) attempt(() => exchange.onClose())
  }
}
