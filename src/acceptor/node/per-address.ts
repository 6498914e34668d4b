import type { Socket } from 'node:net'

/** Counts the open connections of each client address. */
export class PerAddress {
  readonly #limit: number
  readonly #open = new Map<string, number>()

  /** @param limit 0: nothing is counted */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** May it stay? It is counted until it is closed then. */
  admit(socket: Socket): boolean {
    if (this.#limit === 0) return true
    const address = socket.remoteAddress ?? ''
    const open = this.#open.get(address) ?? 0
    if (open >= this.#limit) return false
    this.#open.set(address, open + 1)
    socket.once('close', () => {
      const left = (this.#open.get(address) ?? 1) - 1
      if (left > 0) this.#open.set(address, left)
      else this.#open.delete(address)
    })
    return true
  }
}
