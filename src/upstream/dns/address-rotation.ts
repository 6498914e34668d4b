import type { ResolvedAddress } from './types.js'

/** How long an address that could not be connected to is left out, the first time; doubles with every failure in a row. */
const SKIP_MS = 10_000
const MAX_SKIP_MS = 300_000

interface Skip {
  failures: number
  untilMs: number
}

/**
 * In which order the addresses of a name are tried, for the connections to one port of it: each connection begins at the
 * next address, and one that failed is left out for a while, unless all are. No I/O.
 */
export class AddressRotation {
  #next = 0
  readonly #skips = new Map<string, Skip>()

  /** @param addresses at least one. @returns the same or fewer, never none */
  order(addresses: readonly ResolvedAddress[], nowMs: number): readonly ResolvedAddress[] {
    const good =
      this.#skips.size === 0
        ? addresses
        : addresses.filter(({ address }) => nowMs >= (this.#skips.get(address)?.untilMs ?? 0))
    const usable = good.length > 0 ? good : addresses
    const first = this.#next % usable.length
    this.#next = first + 1
    return first === 0 ? usable : [...usable.slice(first), ...usable.slice(0, first)]
  }

  onFailed(address: string, nowMs: number): void {
    const skip = this.#skips.get(address)
    // Several connections may fail at the same time: that is one failure.
    if (skip !== undefined && nowMs < skip.untilMs) return
    const failures = (skip?.failures ?? 0) + 1
    this.#skips.set(address, {
      failures,
      untilMs: nowMs + Math.min(SKIP_MS * 2 ** (failures - 1), MAX_SKIP_MS),
    })
  }

  onConnected(address: string): void {
    if (this.#skips.size > 0) this.#skips.delete(address)
  }

  /** Forgets addresses that the name does not have any more. */
  retain(addresses: readonly ResolvedAddress[]): void {
    for (const known of this.#skips.keys()) {
      if (!addresses.some(({ address }) => address === known)) this.#skips.delete(known)
    }
  }
}
