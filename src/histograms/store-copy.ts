import { setImmediate as turn } from 'node:timers/promises'
import type { HistogramStore } from './histogram-store.js'

/** Copies counts from store to store by the names of routes. A route at a time, so that the thread has other things to do in between. */
export class StoreCopy {
  readonly #from: HistogramStore
  readonly #to: HistogramStore
  /** Routes of `from` and what they are in `to`. */
  readonly #routes: readonly (readonly [from: number, to: number])[]

  /** @param routes names of the routes by index */
  constructor(
    from: HistogramStore,
    fromRoutes: readonly string[],
    to: HistogramStore,
    routes: readonly string[],
  ) {
    this.#from = from
    this.#to = to
    this.#routes = fromRoutes.flatMap((name, index) => {
      const at = routes.indexOf(name)
      return at < 0 ? [] : [[index, at] as const]
    })
  }

  /** Where a route of the former store is in the new one; -1: nowhere. */
  routeOf(former: number): number {
    return this.#routes.find(([from]) => from === former)?.[1] ?? -1
  }

  /** The counts of one writer at once: of the thread that asks for it. */
  copyNow(writer: number): void {
    for (const [from, to] of this.#routes) this.#to.copy(writer, to, this.#from, from)
  }

  /** @param writers those whose counts are copied: they write to the new store no more, or not yet */
  async copy(writers: Iterable<number>): Promise<void> {
    const all = [...writers]
    for (const [from, to] of this.#routes) {
      for (const writer of all) this.#to.copy(writer, to, this.#from, from)
      await turn()
    }
  }
}
