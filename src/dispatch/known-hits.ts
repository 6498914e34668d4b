import type { RequestHead } from '../acceptor/types.js'
import { LENGTH_NONE } from '../acceptor/types.js'
import type { StoredEntry } from '../cache/store/index.js'
import type { HitRoute } from './hit-route.js'

/** Targets in each of the two generations. */
const TARGETS = 4096
/** Longer targets are not kept. */
const TARGET_CHARS = 512

/** What was found out about a request that was a hit. */
export interface KnownHit {
  readonly host: string
  readonly route: number
  readonly hits: HitRoute
  readonly key: string
  /** Released: to be held anew for each answer. */
  readonly entry: StoredEntry
}

/**
 * What the last hits were, by what was asked for: most requests ask for what was asked for a moment ago, and way to route, key and entry is the
 * longer part of what a hit costs. Of two generations the older one is dropped when the younger one is full.
 */
export class KnownHits {
  #young = new Map<string, KnownHit>()
  #old = new Map<string, KnownHit>()

  /** @returns null also for a request about which something else might count than host and target */
  find(head: RequestHead): KnownHit | null {
    if (!isBare(head)) return null
    const { target } = head
    let known = this.#young.get(target)
    if (known === undefined) {
      known = this.#old.get(target)
      if (known === undefined) return null
      this.#put(target, known)
    }
    return known.host === head.host ? known : null
  }

  add(head: RequestHead, known: KnownHit): void {
    if (isBare(head) && head.target.length <= TARGET_CHARS) this.#put(head.target, known)
  }

  forget({ target }: RequestHead): void {
    this.#young.delete(target)
    this.#old.delete(target)
  }

  #put(target: string, known: KnownHit): void {
    if (this.#young.size >= TARGETS) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(target, known)
  }
}

function isBare({ method, contentLength, selects, claims, upgrade }: RequestHead): boolean {
  return method === 'GET' && contentLength === LENGTH_NONE && !selects && claims === '' && upgrade === ''
}
