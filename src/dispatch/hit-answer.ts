import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { ageS, type Piece } from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import { ageLine, type StoredAnswer, storedAnswer } from '../cache/stored-answer.js'
import { cacheStatusLine } from '../lifecycle/index.js'
import type { HitRequest } from './hit-request.js'
import type { HitRoute } from './hit-route.js'

/** What was found for a request. */
export interface Hit {
  readonly entry: StoredEntry
  readonly head: EntryHead
  readonly key: string
  /** One of several under its URL. */
  readonly isVariant: boolean
  readonly nowMs: number
}

export const ALL: readonly Piece[] = [{ first: 0, last: Number.POSITIVE_INFINITY }]
export const NOTHING: readonly Piece[] = []

/** What most requests get: the whole. */
export function wholeAnswer(hits: HitRoute, hit: Omit<Hit, 'isVariant'>): StoredAnswer {
  const { entry, head } = hit
  const prepared = hits.prepared(head)
  const age = ageS(head, hit.nowMs)
  const ttlS = Math.floor((head.freshUntilMs - hit.nowMs) / 1000)
  if (prepared.ageS !== age || prepared.ttlS !== ttlS) {
    prepared.block = hits.finish(prepared.meta.headerBlock + changingLines(hits, hit))
    prepared.ageS = age
    prepared.ttlS = ttlS
  }
  const lengthBytes = entry.totalBytes
  return {
    status: head.status,
    statusText: prepared.statusText,
    headerBlock: prepared.block,
    lengthBytes,
    pieces: lengthBytes === 0 ? NOTHING : ALL,
  }
}

/** What a request gets that asks for a part, or under a condition. */
export function selectedAnswer(hits: HitRoute, hit: Hit, method: string, fields: HitRequest): StoredAnswer {
  const { meta } = hits.prepared(hit.head)
  const answer = storedAnswer({ method, fields }, hit.head, meta, hit.entry.totalBytes, boundary)
  return {
    ...answer,
    statusText: answer.statusText === '' ? (STATUS_CODES[answer.status] ?? '') : answer.statusText,
    headerBlock: hits.finish(answer.headerBlock + changingLines(hits, hit)),
  }
}

/** Age and Cache-Status. */
function changingLines({ config }: HitRoute, { head, key, nowMs }: Omit<Hit, 'isVariant'>): string {
  const ttlS = Math.floor((head.freshUntilMs - nowMs) / 1000)
  if (!config.showStatus) return ageLine(head, nowMs)
  const status = cacheStatusLine({ hit: true, ttlS, ...(config.showKey ? { key } : {}) })
  return `${ageLine(head, nowMs)}cache-status: ${status}\r\n`
}

/** As of `deliverStored`. */
function boundary(): string {
  return randomBytes(16).toString('hex')
}
