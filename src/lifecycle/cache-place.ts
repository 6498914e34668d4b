import { randomInt } from 'node:crypto'
import type { VaryMarker } from '../cache/lookup.js'
import { type Fields, variance, variantKey, varyHead } from '../cache/rules/index.js'
import type { EntryStore } from '../cache/store/index.js'
import { now } from '../time/index.js'

/** Where an answer is stored. */
export interface Place {
  readonly key: string
  /** Ties it to the others of its URL; 0: there are none. */
  readonly vary: number
}

/**
 * Where an answer is stored that varies by `names` (RFC 9111 §4.1), after the entry of its URL has been made to say so.
 * @param known what that entry says already
 */
export function placeOf(
  store: EntryStore,
  primary: string,
  names: readonly string[],
  known: VaryMarker | null,
  request: Fields,
): Place {
  if (names.length === 0) return { key: primary, vary: 0 }
  let id = known?.id ?? 0
  if (known === null || known.names.join() !== names.join()) {
    id = randomInt(1, 2 ** 31)
    store.put(primary, varyHead(names, id, now()), null)
  }
  return { key: variantKey(primary, variance(names, request)), vary: id }
}
