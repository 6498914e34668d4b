import { STATUS_CODES } from 'node:http'
import type { RouteCacheConfig } from '../cache/cache-config.js'
import { decodeMeta, type EntryMeta } from '../cache/rules/index.js'
import type { EntryHead } from '../cache/store/index.js'
import type { RouteConfig } from '../config/types.js'
import { editHeaderBlock, type HeaderEdits, headersOptions } from '../filters/index.js'
import { cookieOf, holds, parameterOf } from '../routing/field-condition.js'
import { type HitRequest, isAddedLater } from './hit-request.js'

/** Lines that differ from one answer to the next. */
const CHANGING: ReadonlySet<string> = new Set(['age', 'cache-status'])

/** What is made of the head of an entry. */
export interface PreparedHead {
  readonly meta: EntryMeta
  readonly statusText: string
  /** Whole seconds that `block` tells. */
  ageS: number
  ttlS: number
  /** Of the last answer with the whole body, for the next one in the same second. */
  block: string
}

/** A route whose hits the acceptor serves. */
export class HitRoute {
  readonly config: RouteCacheConfig
  /** What the built-in filter `headers` does to requests before they are looked up. */
  readonly requestEdits: readonly HeaderEdits[]
  /** Of a plain request nothing counts but host and target. */
  readonly goesByUrl: boolean
  readonly #commonFields: string
  readonly #responseEdits: readonly HeaderEdits[]
  /** The edits concern nothing but what is stored. */
  readonly #editsAhead: boolean
  /** Heads are the same objects as long as nothing changes in them. */
  readonly #prepared = new WeakMap<EntryHead, PreparedHead>()

  constructor(
    config: RouteCacheConfig,
    requestEdits: readonly HeaderEdits[],
    responseEdits: readonly HeaderEdits[],
    commonFields: string,
  ) {
    const { keys, bypass } = config
    this.config = config
    this.goesByUrl =
      keys.headers.length + keys.cookies.length + bypass.headers.length + bypass.cookies.length === 0 &&
      config.methods.includes('GET')
    this.#commonFields = commonFields
    this.requestEdits = requestEdits
    this.#responseEdits = responseEdits
    this.#editsAhead = !responseEdits.some((edits) => namesOf(edits).some((name) => CHANGING.has(name)))
  }

  /** What is made of a head once: what stands in the entry, with the edits of the route where they can be made ahead. */
  prepared(head: EntryHead): PreparedHead {
    let prepared = this.#prepared.get(head)
    if (prepared === undefined) {
      let meta = decodeMeta(head.meta)
      if (this.#editsAhead && this.#responseEdits.length > 0)
        meta = { ...meta, headerBlock: this.#edit(meta.headerBlock) }
      const statusText = meta.statusText === '' ? (STATUS_CODES[head.status] ?? '') : meta.statusText
      prepared = { meta, statusText, ageS: -1, ttlS: -1, block: '' }
      this.#prepared.set(head, prepared)
    }
    return prepared
  }

  /** The finished block of an answer. */
  finish(block: string): string {
    return (this.#editsAhead ? block : this.#edit(block)) + this.#commonFields
  }

  /** The route wants this request to go past the cache. */
  bypasses(request: HitRequest, target: string): boolean {
    const { headers, cookies, query } = this.config.bypass
    if (headers.some((condition) => holds(condition, request.get(condition.name)))) return true
    if (query.length > 0) {
      const mark = target.indexOf('?')
      const text = mark < 0 ? '' : target.slice(mark + 1)
      if (query.some((condition) => holds(condition, parameterOf(text, condition.name)))) return true
    }
    if (cookies.length === 0) return false
    const field = request.get('cookie') ?? ''
    return cookies.some((condition) => holds(condition, cookieOf(field, condition.name)))
  }

  #edit(block: string): string {
    let edited = block
    for (const edits of this.#responseEdits) edited = editHeaderBlock(edited, edits)
    return edited
  }
}

/**
 * @param commonFields lines that every answer gets
 * @returns null: only a worker can tell what the keys of the route are
 */
export function hitRoute(
  { cache, filters }: RouteConfig,
  responseEdits: readonly HeaderEdits[],
  commonFields: string,
): HitRoute | null {
  if (cache === undefined) return null
  const { keys, bypass } = cache
  if (keys.headers.some(isAddedLater) || bypass.headers.some(({ name }) => isAddedLater(name))) return null
  const requestEdits = filters.flatMap((ref) => {
    if (ref.kind !== 'builtin' || ref.name !== 'headers') return []
    const parsed = headersOptions.safeParse(ref.options ?? {})
    return parsed.success && parsed.data.request !== undefined ? [parsed.data.request] : []
  })
  return new HitRoute(cache, requestEdits, responseEdits, commonFields)
}

function namesOf({ remove, set, append }: HeaderEdits): string[] {
  return [...remove, ...Object.keys(set), ...Object.keys(append)].map((name) => name.toLowerCase())
}
