import type { ServerResponse } from 'node:http'
import { type LiveChoice, liveView } from './live-view.js'
import { HISTORY_POINTS } from './sampler.js'
import type { StatsReader } from './stats-reader.js'

/** What a slow reader may leave unread before it misses events, bytes. */
const MAX_UNREAD_BYTES = 1024 * 1024
/** Viewers at once: each costs a view a second. */
export const MAX_VIEWERS = 32

interface Viewer {
  readonly response: ServerResponse
  choice: LiveChoice
}

/** Sends every viewer what it looks at, as server-sent events. Somebody has to call `tick` once a second. */
export class LiveFeed {
  readonly #reader: StatsReader
  readonly #viewers = new Set<Viewer>()

  constructor(reader: StatsReader) {
    this.#reader = reader
  }

  get isFull(): boolean {
    return this.#viewers.size >= MAX_VIEWERS
  }

  /** The first event holds the whole history. @returns ends it */
  add(response: ServerResponse, choice: LiveChoice): () => void {
    const viewer = { response, choice }
    this.#viewers.add(viewer)
    this.#send(viewer, HISTORY_POINTS)
    return () => void this.#viewers.delete(viewer)
  }

  /** Another configuration is in use. Who looked at a route that is gone sees all. @param former names of the rows before */
  follow(former: readonly string[]): void {
    const { routes } = this.#reader.task
    for (const viewer of this.#viewers) {
      const { route } = viewer.choice
      const there = route === null ? -1 : routes.indexOf(former[route] ?? '')
      viewer.choice = { ...viewer.choice, route: there < 0 ? null : there }
    }
  }

  tick(): void {
    for (const viewer of this.#viewers) this.#send(viewer, 1)
  }

  #send({ response, choice }: Viewer, points: number): void {
    if (response.writableLength > MAX_UNREAD_BYTES) return
    response.write(`data: ${JSON.stringify(liveView(this.#reader, choice, points))}\n\n`)
  }
}
