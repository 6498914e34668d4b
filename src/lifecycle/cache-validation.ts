import {
  type Arrival,
  BlockFields,
  decodeMeta,
  matchesHead,
  refreshedHead,
  type StoreRules,
} from '../cache/rules/index.js'
import type { EntryHead, EntryStore } from '../cache/store/index.js'
import { now } from '../time/index.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { CacheState } from './cache-state.js'

/** What the upstream has said to a request that was to validate the entry at hand. */
export interface Validation {
  readonly head: ResponseHead
  /** Of the request as it was sent. */
  readonly method: string
  readonly arrival: Arrival
  readonly rules: StoreRules
}

/**
 * Takes the answer to a validation (RFC 9111 §4.3.3 to §4.3.5).
 * @returns the head of the entry, which is to be served; `forward`: it is an answer of its own; `repeat`: it says nothing, so the upstream is to be asked
 * without conditions
 */
export function takeValidation(
  store: EntryStore,
  state: CacheState,
  { head, method, arrival, rules }: Validation,
): EntryHead | 'forward' | 'repeat' {
  const { entry, head: stored } = state
  if (entry === null || stored === null) return 'forward'
  const isNotModified = head.status === 304
  if (!isNotModified && (method !== 'HEAD' || head.status !== stored.status)) return 'forward'
  const key = state.found?.key ?? state.primary
  const { etag } = decodeMeta(stored.meta)
  const isSame =
    isNotModified ||
    // §4.3.5: what the answer to a HEAD says of the stored one.
    matchesHead(stored, etag, new BlockFields(head.headerBlock), head.contentLength, entry.totalBytes)
  const request = { method: 'GET', authorized: false, noStore: state.control.noStore }
  const result = isSame
    ? refreshedHead(stored, head.headerBlock, request, arrival, rules, now())
    : ({ kind: 'other' } as const)
  if (isNotModified && result.kind !== 'other') state.count('revalidated')
  switch (result.kind) {
    case 'refreshed':
      store.refresh(entry, result.head)
      if (result.lifetimeMs > 0) state.releaseLead('stored')
      else state.letAllGo()
      return result.head
    case 'not-stored':
      state.letAllGo()
      store.purge(key, 'hard')
      return isNotModified ? stored : 'forward'
    case 'other':
      if (!isNotModified) {
        store.purge(key, 'soft')
        return 'forward'
      }
      state.dropEntry()
      return 'repeat'
  }
}
