import { cuts, mutate } from './mutate.js'
import type { Random } from './random.js'

/** One input: a message, one character per byte, and where it is cut into segments. */
export interface FuzzInput {
  readonly text: string
  readonly cuts: readonly number[]
}

/** What the oracle says of a message. */
export interface Shape {
  /** Equal for messages that show the same. */
  readonly signature: string
  /** All of it is accepted. */
  readonly isSound: boolean
}

const MOST = 4_000

/**
 * Messages to mutate, of which most are sound, since what is broken already is mostly refused for the same reason again. What shows something
 * new to the oracle stays and is mutated further; since the oracle is a pure function of the bytes, the same seed gives the same inputs,
 * whatever the timing.
 */
export class LiveCorpus {
  readonly #random: Random
  readonly #texts: string[] = []
  readonly #sound: string[] = []
  readonly #words: readonly string[]
  readonly #shape: (text: string) => Shape
  readonly #known = new Set<string>()

  constructor(
    random: Random,
    seeds: readonly string[],
    words: readonly string[],
    shape: (text: string) => Shape,
  ) {
    this.#random = random
    this.#words = words
    this.#shape = shape
    for (const seed of seeds) this.#add(seed, shape(seed))
  }

  get size(): number {
    return this.#texts.length
  }

  next(): FuzzInput {
    const random = this.#random
    const base = random.pick(random.below(4) > 0 ? this.#sound : this.#texts)
    const text = mutate(base, random, this.#texts, this.#words)
    const shape = this.#shape(text)
    if (this.#texts.length < MOST && !this.#known.has(shape.signature)) this.#add(text, shape)
    return { text, cuts: cuts(text, random) }
  }

  #add(text: string, { signature, isSound }: Shape): void {
    this.#known.add(signature)
    this.#texts.push(text)
    if (isSound) this.#sound.push(text)
  }
}
