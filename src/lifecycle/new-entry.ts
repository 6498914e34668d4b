import {
  type Arrival,
  entryHead,
  type Fields,
  type StorePlan,
  URL_END,
  urlTag,
} from '../cache/rules/index.js'
import type { NewEntryHead } from '../cache/store/index.js'
import type { ResponseHeader } from '../session/message-headers.js'
import { responseBlock } from '../session/wire-block.js'
import { now } from '../time/index.js'
import { type Place, placeOf } from './cache-place.js'
import { isKeyedByUrl } from './cache-request.js'
import type { CacheOptions, CacheState } from './cache-state.js'

const NO_FIELDS: Fields = { get: () => null }

/** Where an answer that is to be stored goes, and the head of its entry. */
export function newEntry(
  options: CacheOptions,
  state: CacheState,
  response: ResponseHeader,
  plan: StorePlan,
  arrival: Arrival,
): { readonly place: Place; readonly entry: NewEntryHead } {
  const { cache, phases } = options
  const fields = phases.session.downstreamRequest?.headers ?? NO_FIELDS
  const marker = state.found?.marker ?? null
  const place = placeOf(cache.services.store, state.primary, plan.vary, marker, fields)
  const stored = {
    status: response.code,
    statusText: response.text,
    headerBlock: responseBlock(response.headers),
    fields: response.headers,
  }
  const made = entryHead(stored, plan, arrival, now(), place.vary)
  if (isKeyedByUrl(options)) return { place, entry: made }
  const url = state.primary.slice(0, state.primary.indexOf(URL_END))
  return { place, entry: { ...made, tags: [...(made.tags ?? []), urlTag(url)] } }
}
