import { type CacheStatus, decodeMeta } from '../cache/rules/index.js'
import type { EntryHead } from '../cache/store/index.js'
import { ageLine } from '../cache/stored-answer.js'
import { now } from '../time/index.js'
import { CacheResume } from './cache-resume.js'
import type { CacheOptions, CacheState } from './cache-state.js'
import type { EntryPump } from './entry-pump.js'
import { storedBroken } from './session-errors.js'
import { deliverStored } from './stored-response.js'

/** As what the entry at hand is served. */
export interface ServedAs {
  /** Contract A-47. */
  readonly result: 'hit' | 'stale' | 'miss'
  readonly status: CacheStatus
  /** As it is now. */
  readonly head: EntryHead | null
}

/**
 * Sends the entry at hand, and lets go of it with its last byte.
 * @param askUpstream of an entry that is still being made, and that the store gives up: the rest comes from the upstream
 * @returns null: there is none
 */
export function serveEntry(
  options: CacheOptions,
  state: CacheState,
  { result, status, head }: ServedAs,
  askUpstream: () => void,
): EntryPump | null {
  const { phases, response, cache } = options
  const { session, chain } = phases
  const request = session.downstreamRequest
  const entry = state.takeEntry()
  if (entry === null || head === null || request === null) {
    entry?.release()
    return null
  }
  session.cacheResult = { status: result }
  session.cacheEnabled = result === 'stale'
  const nowMs = now()
  const ttlS = Math.floor((head.freshUntilMs - nowMs) / 1000)
  const key = cache.config.showKey ? { key: state.found?.key ?? state.primary } : {}
  let resume: CacheResume | null = null
  return deliverStored({
    response,
    request: { method: request.method, fields: request.headers },
    entry,
    head,
    meta: decodeMeta(head.meta),
    status: cache.config.showStatus ? { ...status, ttlS, ...key } : null,
    age: ageLine(head, nowMs),
    isFiltered: chain.filtersResponseBody,
    isLive: false,
    onBroken: () => options.fail(storedBroken()),
    onPumped: () => resume?.onPumped(),
    onDropped: (pump) => {
      resume = new CacheResume(options, { entry, head, pump })
      options.upstream.cache = resume
      askUpstream()
    },
  })
}
