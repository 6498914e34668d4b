import { now } from '../../time/index.js'
import { getUserIdFromCookies } from '../context/user-id.js'
import type { AdResult, Upstream, UpstreamCall } from '../upstream/index.js'
import { WrappedUpstream } from './wrapped-upstream.js'

export interface CacheOptions<Result> {
  readonly upstream: Upstream<Result>
  /** How long a no-fill is kept. Default 2,000 ms; 0 = not at all. */
  readonly noFillMs?: number
  /** How long an ad is kept. Default 0: never, or one impression would be replayed and caps passed by (F-47). */
  readonly fillMs?: number
  /** Default 1,000. */
  readonly maxEntries?: number
  /** Two calls with the same key get the same answer; null: not cached. Default: endpoint, parameters, fields and user. */
  readonly key?: (call: UpstreamCall) => string | null
  /** ms. Default `now`. */
  readonly clock?: () => number
}

/** Keeps what may be given twice: by default only that there is no ad, for a moment (C-15). Least recently used go first. */
export class CacheMiddleware<Result extends AdResult> extends WrappedUpstream<Result> {
  /** Since it was made. */
  readonly stats = { hits: 0, misses: 0, evictions: 0 }
  readonly #options: CacheOptions<Result>
  readonly #clock: () => number
  readonly #entries = new Map<string, { readonly result: Result; readonly untilMs: number }>()

  constructor(options: CacheOptions<Result>) {
    super(options.upstream)
    this.#options = options
    this.#clock = options.clock ?? now
  }

  get size(): number {
    return this.#entries.size
  }

  async request(call: UpstreamCall = {}): Promise<Result> {
    const key = (this.#options.key ?? keyOf)(call)
    if (key === null) return await this.inner.request(call)
    const entry = this.#entries.get(key)
    if (entry !== undefined) {
      this.#entries.delete(key)
      if (entry.untilMs > this.#clock()) {
        this.#entries.set(key, entry)
        this.stats.hits += 1
        return entry.result
      }
    }
    this.stats.misses += 1
    const result = await this.inner.request(call)
    this.#keep(key, result)
    return result
  }

  override async close(): Promise<void> {
    this.#entries.clear()
    await super.close()
  }

  #keep(key: string, result: Result): void {
    const { noFillMs = 2000, fillMs = 0, maxEntries = 1000 } = this.#options
    // A no-fill for a reason of the moment is none of the upstream's.
    const isLasting = result.kind === 'fill' || result.reason === 'no-ad' || result.reason === 'no-bid'
    const keptMs = result.kind === 'fill' ? fillMs : noFillMs
    if (!isLasting || keptMs <= 0) return
    this.#entries.delete(key)
    this.#entries.set(key, { result, untilMs: this.#clock() + keptMs })
    if (this.#entries.size <= maxEntries) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      this.stats.evictions += 1
      break
    }
  }
}

function keyOf({ endpoint = '', params = {}, headers = {}, context }: UpstreamCall): string {
  const sorted = (fields: object): unknown[] => Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))
  const user = context === undefined ? '' : (context.userId ?? getUserIdFromCookies(context.cookies))
  return JSON.stringify([endpoint, sorted(params), sorted(headers), user, context?.consent?.allowed ?? null])
}
