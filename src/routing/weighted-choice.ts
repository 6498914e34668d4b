import { cookieOf, fieldOf } from './field-condition.js'

/** What keeps a client at one branch of a split. Plain data. */
export type StickyKey =
  | { readonly kind: 'none' }
  | { readonly kind: 'client' }
  | { readonly kind: 'cookie' | 'header'; readonly name: string }

/** What a choice is made from. */
export interface ChoiceRequest {
  readonly headerBlock: string
  readonly remoteAddress: string
}

/** Chooses among branches by weight: the same for the same key on every worker, gateway and day; without a key at random. */
export class WeightedChoice {
  readonly #bounds: readonly number[]
  readonly #key: StickyKey
  readonly #random: () => number

  /** @param weights at least one above 0 */
  constructor(weights: readonly number[], key: StickyKey, random: () => number = Math.random) {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    let sum = 0
    this.#bounds = weights.map((weight) => {
      sum += weight
      return sum / total
    })
    this.#key = key
    this.#random = random
  }

  /** @returns index of a weight */
  choose(request: ChoiceRequest): number {
    const point = this.#point(request)
    const found = this.#bounds.findIndex((bound) => point < bound)
    return found < 0 ? this.#bounds.length - 1 : found
  }

  #point({ headerBlock, remoteAddress }: ChoiceRequest): number {
    const key = this.#key
    if (key.kind === 'none') return this.#random()
    if (key.kind === 'client') return hashToUnit(remoteAddress)
    const field = fieldOf(headerBlock, key.kind === 'cookie' ? 'cookie' : key.name)
    const value = key.kind === 'cookie' && field !== null ? cookieOf(field, key.name) : field
    // Who has no key yet stays where its address leads.
    return hashToUnit(value ?? remoteAddress)
  }
}

/** FNV-1a with the finish of MurmurHash3, so that keys that differ in one digit lie far apart. 0 ≤ result < 1. */
export function hashToUnit(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000
}
