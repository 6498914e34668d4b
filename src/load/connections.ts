import { LoadConnection, type LoadConnectionOwner } from './load-connection.js'
import type { LoadErrorKind, LoadPlan } from './types.js'

/** How many are opened at the same time: a listener's queue is short. */
const OPENING_AT_ONCE = 64
/** Pause before another attempt where a connection was refused. */
const RECONNECT_MS = 20

/** All connections of a run, and which of them have nothing to do. */
export class Connections implements LoadConnectionOwner {
  readonly all: readonly LoadConnection[]
  readonly #owner: LoadConnectionOwner
  /** May hold connections that were closed since, which are passed over. First in, first out: each gets its share. */
  #idle: LoadConnection[] = []
  #next = 0
  #opening: { toOpen: number; opened: number; resolve: () => void; reject: (error: Error) => void } | null =
    null
  #closed = false

  constructor(count: number, url: URL, expect: LoadPlan['expect'], owner: LoadConnectionOwner) {
    this.#owner = owner
    this.all = Array.from({ length: Math.max(1, count) }, () => new LoadConnection(url, expect, this))
  }

  get busy(): number {
    return this.all.reduce((sum, connection) => sum + (connection.busy ? 1 : 0), 0)
  }

  get bodyBytes(): number {
    return this.all.reduce((sum, connection) => sum + connection.bodyBytes, 0)
  }

  /** @throws the first connection's Error, when one cannot be opened. */
  openAll(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { toOpen: 0, opened: 0, resolve, reject }
      for (let i = 0; i < Math.min(OPENING_AT_ONCE, this.all.length); i += 1) this.#openNext()
    })
  }

  takeIdle(): LoadConnection | null {
    while (this.#next < this.#idle.length) {
      const connection = this.#idle[this.#next]
      this.#next += 1
      if (this.#next === this.#idle.length || this.#next > this.all.length) {
        this.#idle = this.#idle.slice(this.#next)
        this.#next = 0
      }
      if (connection?.isOpen === true && !connection.busy) return connection
    }
    return null
  }

  giveIdle(connection: LoadConnection): void {
    this.#idle.push(connection)
  }

  close(): void {
    this.#closed = true
    for (const connection of this.all) connection.close()
  }

  onIdle(connection: LoadConnection): void {
    const opening = this.#opening
    if (opening === null) {
      this.#owner.onIdle(connection)
      return
    }
    this.giveIdle(connection)
    opening.opened += 1
    if (opening.opened === this.all.length) {
      this.#opening = null
      opening.resolve()
    } else this.#openNext()
  }

  onOutcome(connection: LoadConnection, error: LoadErrorKind | null, sha256: string | null): void {
    this.#owner.onOutcome(connection, error, sha256)
  }

  onConnectFailed(connection: LoadConnection, error: Error): void {
    if (this.#opening !== null) {
      this.#opening.reject(error)
      this.#opening = null
      this.close()
      return
    }
    this.#owner.onConnectFailed(connection, error)
    setTimeout(() => {
      if (!this.#closed) connection.open()
    }, RECONNECT_MS)
  }

  #openNext(): void {
    const opening = this.#opening
    if (opening === null || opening.toOpen >= this.all.length) return
    this.all[opening.toOpen]?.open()
    opening.toOpen += 1
  }
}
