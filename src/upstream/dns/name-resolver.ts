import { now } from '../../time/index.js'
import { NameEntry, type Outcome } from './name-entry.js'
import { NameNotResolved } from './name-not-resolved.js'
import type { DnsQuery, DnsSettings, ResolvedAddress } from './types.js'

/** Time, replaceable in tests. */
export interface DnsClock {
  now(): number
  /** Calls back once after `delayMs`, unless the returned function is called before. */
  after(delayMs: number, callback: () => void): () => void
}

const realClock: DnsClock = {
  now,
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** @param addresses empty: the name cannot be resolved any more */
export type AddressListener = (host: string, addresses: readonly ResolvedAddress[]) => void

export interface NameResolverOptions {
  readonly settings: DnsSettings
  readonly query: DnsQuery
  readonly clock?: DnsClock
  /** Default `Math.random`. */
  readonly random?: () => number
  /** A lookup succeeded, whatever it changed. */
  readonly onAnswer?: (host: string) => void
  /** A lookup failed. @param served how many addresses of the last good answer serve on */
  readonly onFailure?: (failure: NameNotResolved, host: string, served: number) => void
}

export interface DnsStats {
  /** Names that were asked for; what was asked while an answer was under way is one. */
  lookups: number
  failures: number
}

/** Receives the addresses (never none) or why there are none. */
export type ResolveCallback = (error: NameNotResolved | null, addresses: readonly ResolvedAddress[]) => void

interface Watched {
  readonly entry: NameEntry
  isAsking: boolean
  /** Nobody wants it any more: it goes when the answer that is under way has come. */
  isForgotten: boolean
  waiting: ResolveCallback[]
  cancel: () => void
}

/**
 * Keeps the addresses of names at hand: each name is asked for when it is first heard of, and again when its TTL has passed, by
 * itself. So no request ever waits for a lookup but the very first ones. Meant for the closed set of names that a
 * configuration has: a name is kept until `forget` or `close`. Belongs to one thread.
 */
export class NameResolver {
  readonly stats: DnsStats = { lookups: 0, failures: 0 }
  readonly #settings: DnsSettings
  readonly #query: DnsQuery
  readonly #clock: DnsClock
  readonly #random: () => number
  readonly #onAnswer: NameResolverOptions['onAnswer']
  readonly #onFailure: NameResolverOptions['onFailure']
  readonly #names = new Map<string, Watched>()
  readonly #listeners = new Set<AddressListener>()
  #closed = false

  constructor(options: NameResolverOptions) {
    this.#settings = options.settings
    this.#query = options.query
    this.#clock = options.clock ?? realClock
    this.#random = options.random ?? Math.random
    this.#onAnswer = options.onAnswer
    this.#onFailure = options.onFailure
  }

  /** Begins to keep a name; harmless when it is kept already. */
  watch(host: string): void {
    this.#watched(host)
  }

  /** Ceases to keep a name. Who waits for its answer still gets it. */
  forget(host: string): void {
    const watched = this.#names.get(host)
    if (watched === undefined) return
    watched.isForgotten = true
    if (!watched.isAsking) this.#drop(watched)
  }

  /** What is known now: null before the first answer, empty when there is no address. */
  addresses(host: string): readonly ResolvedAddress[] | null {
    const entry = this.#names.get(host)?.entry
    return entry?.isKnown === true ? entry.addresses : null
  }

  /** Calls back within this call if anything is known, be it that there is no such name; or else with the first answer. */
  resolve(host: string, callback: ResolveCallback): void {
    const watched = this.#watched(host)
    if (watched.entry.isKnown) answer(watched.entry, callback)
    else watched.waiting.push(callback)
  }

  /**
   * Tells of every change of a set of addresses, the first answer included; the order of addresses means nothing.
   * @returns ends it
   */
  onChange(listener: AddressListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Asks no more. Whoever waits is not called back. */
  close(): void {
    this.#closed = true
    for (const watched of this.#names.values()) watched.cancel()
    this.#names.clear()
    this.#listeners.clear()
  }

  #watched(host: string): Watched {
    let watched = this.#names.get(host)
    if (watched !== undefined) watched.isForgotten = false
    else {
      watched = {
        entry: new NameEntry(host),
        isAsking: false,
        isForgotten: false,
        waiting: [],
        cancel: () => undefined,
      }
      this.#names.set(host, watched)
      this.#ask(watched)
    }
    return watched
  }

  #ask(watched: Watched): void {
    if (this.#closed || watched.isAsking) return
    watched.isAsking = true
    this.stats.lookups += 1
    const { entry } = watched
    this.#query(entry.host, entry.addresses.length === 0).then(
      (found) => {
        const outcome = entry.onAnswer(found, this.#settings, this.#clock.now(), this.#random())
        if (!this.#closed) this.#onAnswer?.(entry.host)
        this.#settle(watched, outcome)
      },
      (cause: unknown) => {
        const failure =
          cause instanceof NameNotResolved ? cause : new NameNotResolved(entry.host, 'EUNKNOWN', cause)
        this.stats.failures += 1
        const outcome = entry.onFailure(failure, this.#settings, this.#clock.now())
        if (!this.#closed) this.#onFailure?.(failure, entry.host, entry.addresses.length)
        this.#settle(watched, outcome)
      },
    )
  }

  #settle(watched: Watched, { askAgainMs, changed }: Outcome): void {
    if (this.#closed) return
    const { entry } = watched
    watched.isAsking = false
    if (watched.isForgotten) this.#drop(watched)
    else watched.cancel = this.#clock.after(askAgainMs, () => this.#ask(watched))
    if (changed && !watched.isForgotten)
      for (const listener of this.#listeners) listener(entry.host, entry.addresses)
    const { waiting } = watched
    watched.waiting = []
    for (const callback of waiting) answer(entry, callback)
  }

  #drop(watched: Watched): void {
    watched.cancel()
    this.#names.delete(watched.entry.host)
  }
}

function answer(entry: NameEntry, callback: ResolveCallback): void {
  if (entry.addresses.length > 0) callback(null, entry.addresses)
  else callback(entry.failure ?? new NameNotResolved(entry.host, 'ENODATA'), [])
}
