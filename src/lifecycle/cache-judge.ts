import {
  ageS,
  cacheKey,
  decodeMeta,
  suitsAuthorization,
  type Verdict,
  verdict,
} from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import type { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import { type RequestHeader, ResponseHeader, viewResponse } from '../session/message-headers.js'
import { now } from '../time/index.js'
import { keyParts } from './cache-request.js'
import type { CacheOptions, CacheState } from './cache-state.js'
import type { CachedAnswer } from './filter.js'
import type { PhaseRunner } from './phase-runner.js'

/** What may be done with the entry at hand: as the rules say, unless a filter knows better. */
export function judge({ phases, lead }: CacheOptions, state: CacheState): Verdict | 'miss' {
  const { head, control } = state
  if (head === null || state.entry === null) return 'miss'
  const nowMs = now()
  // In the background it is there to be validated; unless somebody else has done it meanwhile.
  if (lead !== null) return verdict(head, control, nowMs) === 'fresh' ? 'fresh' : 'expired'
  if (phases.chain.places('cacheHitFilter').length > 0) {
    const { statusText, headerBlock } = decodeMeta(head.meta)
    const answer: CachedAnswer = {
      response: viewResponse(new ResponseHeader(head.status, statusText, new Headers(headerBlock))),
      ageS: ageS(head, nowMs),
      ttlS: Math.trunc((head.freshUntilMs - nowMs) / 1000),
    }
    const wanted = phases.ask(
      'cacheHitFilter',
      (filter, ctx) => filter.cacheHitFilter?.(phases.session, answer, ctx) ?? undefined,
    )
    if (wanted === 'fresh') return 'fresh'
    state.isForced = wanted === 'expired' || wanted === 'miss'
    if (wanted === 'miss') state.dropEntry()
    if (wanted === 'miss' || wanted === 'expired') return wanted
  }
  const judged = verdict(head, control, nowMs)
  return judged === 'stale-while-revalidate' && !mayServeStale(phases, null) ? 'expired' : judged
}

/** Whether no filter forbids to serve what is stale. @param error as of `shouldServeStale` */
export function mayServeStale(phases: PhaseRunner, error: GatewayError | null): boolean {
  const said = phases.ask('shouldServeStale', (filter, ctx) => {
    const wanted = filter.shouldServeStale?.(phases.session, error, ctx)
    return typeof wanted === 'boolean' ? wanted : undefined
  })
  return said !== false
}

/** The key of a request: what its route says, and its filters. */
export function keyOf({ phases, cache }: CacheOptions, request: RequestHeader): string {
  let own = ''
  phases.ask('cacheKey', (filter, ctx) => {
    const said = filter.cacheKey?.(phases.session, ctx)
    // Filters may come without types.
    if (said === undefined || said === null) return undefined
    const bytes = Buffer.from(String(said)).toString('latin1')
    own += `${bytes.length}:${bytes}`
    return undefined
  })
  return cacheKey(keyParts(request), request.headers, cache.config.keys, own)
}

/** The head of an entry that is being made, if the session may read along: it is fresh and meant for it. */
export function usableFill(state: CacheState, filling: StoredEntry, authorized: boolean): EntryHead | null {
  const head = filling.head()
  if (head === null || (filling.state !== 'filling' && filling.state !== 'complete')) return null
  // It must be what the entry of its URL says at the moment.
  if (head.vary !== (state.found?.marker?.id ?? 0)) return null
  const suits = suitsAuthorization(head, authorized) && verdict(head, state.control, now()) === 'fresh'
  return suits ? head : null
}
