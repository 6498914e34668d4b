import type { Downstream } from '../acceptor/types.js'
import type { Piece } from '../cache/rules/index.js'
import type { StoredEntry } from '../cache/store/index.js'
import { EntryPump } from '../lifecycle/index.js'

/** A stored body too large for one write, on its way to a client at the client's pace. It owns its exchange. */
export class HitStream {
  readonly route: number
  readonly status: number
  readonly #exchange: Downstream
  readonly #pump: EntryPump
  readonly #onEnded: (isSent: boolean) => void
  #isOpen = true

  /**
   * @param entry held; it is released when the last byte was given to the acceptor, or the client has left
   * @param onEnded called once; false: it has broken off, on either side
   */
  constructor(
    exchange: Downstream,
    { route, status }: { readonly route: number; readonly status: number },
    body: { readonly entry: StoredEntry; readonly pieces: readonly Piece[] },
    onEnded: (isSent: boolean) => void,
  ) {
    this.route = route
    this.status = status
    this.#exchange = exchange
    this.#onEnded = onEnded
    this.#pump = new EntryPump(body.entry, body.pieces, {
      chunk: (bytes) => {
        if (!exchange.write(bytes)) this.#pump.pause()
      },
      end: () => exchange.end(''),
      broken: () => {
        exchange.abort()
        this.end(false)
      },
    })
  }

  start(): void {
    this.#exchange.owner = this
    this.#pump.poke()
  }

  onDrain(): void {
    this.#pump.resume()
  }

  /** The exchange is over; if it was already, nothing happens. */
  end(isSent: boolean): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#exchange.owner = null
    this.#pump.close()
    this.#onEnded(isSent)
  }
}
