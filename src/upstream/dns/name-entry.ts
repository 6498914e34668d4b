import type { NameNotResolved } from './name-not-resolved.js'
import type { DnsAnswer, DnsSettings, ResolvedAddress } from './types.js'

/** Failures in a row that still make the pause longer: 1, 2, 4, 8 times. */
const DOUBLINGS = 3

/** How much earlier than its TTL an answer is asked for again, at most, so that workers do not ask all at once. */
const SPREAD = 0.1

/** What is known about one name. No I/O and no timers: it is told what happened, and says when to ask again. */
export class NameEntry {
  readonly host: string
  /** Empty until an answer came, and when the last good one has become too old. */
  addresses: readonly ResolvedAddress[] = []
  /** The last lookup failed with this; null when it did not. */
  failure: NameNotResolved | null = null
  #staleUntilMs = 0
  #failures = 0

  constructor(host: string) {
    this.host = host
  }

  /** Has anybody answered yet, if only that there is no such name? */
  get isKnown(): boolean {
    return this.failure !== null || this.addresses.length > 0
  }

  /**
   * @param random 0 to 1
   * @returns in how many milliseconds to ask again, and whether the addresses are others than before
   */
  onAnswer(answer: DnsAnswer, settings: DnsSettings, nowMs: number, random: number): Outcome {
    const { minTtlMs, maxTtlMs, defaultTtlMs, staleIfErrorMs } = settings
    const ttlMs = Math.min(Math.max(answer.ttlMs ?? defaultTtlMs, minTtlMs), maxTtlMs)
    const kept = nowMs < this.#staleUntilMs ? this.addresses.filter((it) => it.family === answer.lacks) : []
    this.#staleUntilMs = nowMs + ttlMs + staleIfErrorMs
    this.#failures = 0
    this.failure = null
    const changed = this.#take([...answer.addresses, ...kept])
    return { askAgainMs: ttlMs * (1 - random * SPREAD), changed }
  }

  /** The lookup failed: the last good answer serves on until it is too old. */
  onFailure(failure: NameNotResolved, settings: DnsSettings, nowMs: number): Outcome {
    this.failure = failure
    const pauseMs = settings.negativeTtlMs * 2 ** Math.min(this.#failures, DOUBLINGS)
    this.#failures += 1
    const leftMs = this.#staleUntilMs - nowMs
    if (leftMs <= 0) return { askAgainMs: pauseMs, changed: this.#take([]) }
    return { askAgainMs: Math.min(pauseMs, leftMs), changed: false }
  }

  #take(addresses: readonly ResolvedAddress[]): boolean {
    const unique = addresses.filter(
      (it, index) => addresses.findIndex((other) => other.address === it.address) === index,
    )
    const changed =
      unique.length !== this.addresses.length ||
      unique.some((it) => !this.addresses.some((old) => old.address === it.address))
    // Name servers rotate their answers: the same set in another order is no news.
    if (changed) this.addresses = unique
    return changed
  }
}

export interface Outcome {
  readonly askAgainMs: number
  readonly changed: boolean
}
