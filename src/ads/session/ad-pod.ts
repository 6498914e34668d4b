import { randomUUID } from 'node:crypto'
import type { CapCheck, Decision, StateStore } from '../../state/index.js'
import { keyPart } from './session-keys.js'

export interface AdPodOptions {
  readonly store: StateStore
  /** Of the break, the same for all who fill it. Default: a fresh one. */
  readonly podId?: string
  /** Positions, 1 to 50. Default 5. */
  readonly maxPodSize?: number
  /** How long the pod is remembered, seconds. Default 3600. */
  readonly seconds?: number
}

const DEFAULT_SIZE = 5
const MAX_SIZE = 50
const DEFAULT_SECONDS = 3600

/** A break that several may fill at once: each position once, no ad twice (C-12). Caps per campaign go on as ever, for each ad. */
export class AdPod {
  readonly podId: string
  readonly #store: StateStore
  readonly #maxPodSize: number
  readonly #windowMs: number

  /** @throws RangeError */
  constructor(options: AdPodOptions) {
    const { maxPodSize = DEFAULT_SIZE, seconds = DEFAULT_SECONDS } = options
    if (!Number.isInteger(maxPodSize) || maxPodSize < 1 || maxPodSize > MAX_SIZE) {
      throw new RangeError(`maxPodSize must be from 1 to ${MAX_SIZE}, not ${String(maxPodSize)}`)
    }
    this.podId = options.podId ?? randomUUID()
    this.#store = options.store
    this.#maxPodSize = maxPodSize
    this.#windowMs = Math.ceil(seconds * 1000)
  }

  /** Takes a position (from 1) for an ad. `taken`: somebody has it. `duplicate`: the ad is in the pod already. `outside`: no such position. */
  async fill(position: number, adId: string): Promise<'filled' | 'taken' | 'duplicate' | 'outside'> {
    if (!Number.isInteger(position) || position < 1 || position > this.#maxPodSize) return 'outside'
    const decision: Decision = {
      id: randomUUID(),
      caps: [this.#once(`position=${position}`), this.#once(`ad=${keyPart(adId)}`)],
      budgets: [],
    }
    const result = await this.#store.reserve(decision, {
      holdMs: this.#windowMs,
      settle: true,
      rememberMs: 1000,
    })
    if (result.granted) return 'filled'
    return result.refusal.index === 0 ? 'taken' : 'duplicate'
  }

  /** Positions that are still free, lowest first. */
  async free(): Promise<number[]> {
    const positions = Array.from({ length: this.#maxPodSize }, (_, index) => index + 1)
    const uses = await this.#store.capUse(positions.map((position) => this.#once(`position=${position}`)))
    return positions.filter((_, index) => uses[index]?.committed === 0)
  }

  #once(what: string): CapCheck {
    const pod = keyPart(this.podId)
    const tag = this.#store.hashTags ? `{${pod}}` : pod
    return {
      key: `freq:~:pod=${tag}:${what}`,
      max: 1,
      window: { kind: 'fixed', windowMs: this.#windowMs },
      mode: 'reserve',
    }
  }
}
