import { BlockFields, decodeMeta } from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import type { RequestHeader } from '../session/message-headers.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { AnswerTaker } from './answer-taker.js'
import type { Attempt } from './attempt.js'
import { stripRequest } from './cache-request.js'
import type { CacheOptions } from './cache-state.js'
import type { EntryPump } from './entry-pump.js'
import { upTransform } from './response-body-filters.js'
import { storedBroken } from './session-errors.js'

/** What a session was reading when the store gave it up. */
export interface DroppedEntry {
  /** Held by the pump. */
  readonly entry: StoredEntry
  readonly head: EntryHead
  readonly pump: EntryPump
}

/**
 * Brings the rest of an answer that a session was reading while another fetched it, when the store takes no more of it: too large, or purged. Like all
 * others it asks the origin for itself then. What the entry has must be how that answer begins, byte for byte, and goes to the client no second time;
 * so the client has one whole answer, or sees that it is not whole.
 */
export class CacheResume implements AnswerTaker {
  readonly isResumption = true
  readonly #options: CacheOptions
  readonly #entry: StoredEntry
  readonly #head: EntryHead
  readonly #pump: EntryPump
  #attempt: Attempt | null = null
  /** Bytes of the answer that were found in the entry. */
  #seenBytes = 0

  constructor(options: CacheOptions, { entry, head, pump }: DroppedEntry) {
    this.#options = options
    this.#entry = entry
    this.#head = head
    this.#pump = pump
  }

  prepare({ headers }: RequestHeader): void {
    const { cache, phases } = this.#options
    const client = phases.session.downstreamRequest?.headers
    if (client !== undefined) stripRequest(headers, client, cache.config.keys, true)
  }

  begin(head: ResponseHead, attempt: Attempt): void {
    if (this.#isSame(head)) {
      this.#attempt = attempt
      return
    }
    attempt.discard(head)
    this.#break()
  }

  chunk(chunk: Uint8Array): void {
    const attempt = this.#attempt
    if (attempt === null) return
    const fresh = this.#skip(chunk)
    if (fresh === null) this.#break()
    else if (fresh.length > 0) {
      this.#pump.overflow(fresh)
      if (this.#pump.lags) attempt.pause()
    }
  }

  end(): void {
    if (this.#attempt === null) return
    if (this.#seenBytes < this.#entry.bodyBytes) this.#break()
    else this.#pump.finish()
  }

  /** The client takes more again. */
  onPumped(): void {
    if (!this.#pump.lags) this.#attempt?.resume()
  }

  /** Whether it can be the same answer as far as its head tells, as the origin has sent both. */
  #isSame(head: ResponseHead): boolean {
    const { status, meta, lastModifiedMs } = this.#head
    const fields = new BlockFields(head.headerBlock)
    const stored = decodeMeta(meta)
    const before = new BlockFields(stored.headerBlock)
    const isAlike = (name: string): boolean => fields.get(name) === before.get(name)
    const { totalBytes } = this.#entry
    return (
      head.status === status &&
      head.hasBody &&
      (totalBytes === null || totalBytes === head.contentLength) &&
      isAlike('content-encoding') &&
      isAlike('etag') &&
      (lastModifiedMs === 0 || isAlike('last-modified')) &&
      // Their bytes are not those of the origin.
      upTransform(this.#options.phases, head.contentLength) === null
    )
  }

  /** The part of a piece behind what the entry has; null: it is another answer. */
  #skip(chunk: Uint8Array): Uint8Array | null {
    const there = this.#entry.bodyBytes
    let at = 0
    while (at < chunk.length && this.#seenBytes < there) {
      const known = this.#entry.read(this.#seenBytes, chunk.length - at)
      if (known === null || Buffer.compare(known, chunk.subarray(at, at + known.length)) !== 0) return null
      at += known.length
      this.#seenBytes += known.length
    }
    return chunk.subarray(at)
  }

  #break(): void {
    this.#attempt?.abort()
    this.#attempt = null
    this.#options.fail(storedBroken())
  }
}
