import { decodeMeta, type Fields, FLAG_VARY, variance, variantKey } from './rules/index.js'
import type { EntryHead, EntryStore, StoredEntry } from './store/index.js'

/** By what the answers of a URL vary. */
export interface VaryMarker {
  /** Ties the variants to it: those of another one are not its. Not 0. */
  readonly id: number
  readonly names: readonly string[]
}

/** What is stored for a request. */
export interface Found {
  /** Where the answer is, or would be. */
  readonly key: string
  /** Held for the caller, who releases it. */
  readonly entry: StoredEntry | null
  readonly head: EntryHead | null
  readonly marker: VaryMarker | null
}

/**
 * Finds the answer for a request: the one under the key, or, where that says how answers vary, the variant (RFC 9111 §4.1).
 * @param primary as of `cacheKey`
 */
export function findAnswer(store: EntryStore, primary: string, request: Fields): Found {
  const found = held(store.find(primary), primary, null)
  const { entry, head } = found
  if (entry === null || head === null || (head.flags & FLAG_VARY) === 0) return found
  entry.touch()
  entry.release()
  const marker = { id: head.vary, names: decodeMeta(head.meta).varyNames }
  const key = variantKey(primary, variance(marker.names, request))
  const variant = held(store.find(key), key, marker)
  if (variant.head === null || variant.head.vary === marker.id) return variant
  // Of a time before the URL was purged, or before it varied otherwise.
  variant.entry?.release()
  return { key, entry: null, head: null, marker }
}

function held(entry: StoredEntry | null, key: string, marker: VaryMarker | null): Found {
  const head = entry?.head() ?? null
  if (entry !== null && head !== null) return { key, entry, head, marker }
  entry?.release()
  return { key, entry: null, head: null, marker }
}
