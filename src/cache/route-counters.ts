import { type Counter, type CounterRow, SharedCounters } from '../memory/index.js'

/** What becomes of the requests of a route that has a cache. */
export const CACHE_EVENTS = [
  /** Answered from memory, waiting for another's fetch included. */
  'hits',
  /** Went to the upstream. */
  'misses',
  /** Answered at once with what was stale. */
  'stale',
  /** Went past the cache. */
  'bypassed',
  /** Answers that were stored. */
  'stored',
  /** Answers that could not be. */
  'uncacheable',
  /** Of the misses: the upstream has said that what is stored still holds. */
  'revalidated',
  /** Of the misses: the upstream failed, and what was stale stood in. */
  'rescued',
  /** Validations behind the clients' back; no client's request, so in none of the others but those about storing. */
  'background',
  /** Of the hits: fetched by another request at that time. */
  'collapsed',
] as const

export type CacheEvent = (typeof CACHE_EVENTS)[number]
export type RouteCacheStats = Readonly<Record<CacheEvent, number>>

type Name = `${number}:${CacheEvent}`

/** Counts of the caches of all routes, in shared memory: a row for each thread that serves. */
export class CacheCounters {
  readonly #counters: SharedCounters<Name>
  readonly #names: readonly Readonly<Record<CacheEvent, Name>>[]

  /** @param rows as of `counterRows` @param buffer of an instance of the same shape in another thread */
  constructor(routes: number, rows: number, buffer?: SharedArrayBuffer) {
    this.#names = Array.from({ length: routes }, (_, route) => {
      const names = CACHE_EVENTS.map((event): [CacheEvent, Name] => [event, `${route}:${event}`])
      return Object.fromEntries(names) as Record<CacheEvent, Name>
    })
    const names = this.#names.flatMap((events) => Object.values(events))
    this.#counters = new SharedCounters(names, rows, buffer)
  }

  get buffer(): SharedArrayBuffer {
    return this.#counters.buffer
  }

  /** The writer's end of one row; only one thread may hold it. */
  row(index: number): { add(route: number, event: CacheEvent): void } {
    const row: CounterRow<Name> = this.#counters.row(index)
    // Looked up once: to put a name together for each session costs more than to count it.
    const counters = this.#names.map((names) => {
      const pairs = CACHE_EVENTS.map((event): [CacheEvent, Counter] => [event, row.counter(names[event])])
      return Object.fromEntries(pairs) as Record<CacheEvent, Counter>
    })
    return { add: (route, event) => counters[route]?.[event].add() }
  }

  /** Sums of a route. */
  of(route: number): RouteCacheStats {
    const sums = CACHE_EVENTS.map((event) => [event, this.#counters.total(`${route}:${event}`)] as const)
    return Object.fromEntries(sums) as Record<CacheEvent, number>
  }
}
