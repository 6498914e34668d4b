import { packName, writeEntry } from './entry-codec.js'
import { shownHeaders } from './line-format.js'
import { RecordWriter } from './record-ring.js'
import { Redactor } from './redactor.js'
import { Sampler } from './sampler.js'
import type { AccessEntry, AccessLogConfig } from './types.js'

/** One thread's end of the access log. Plain data. */
export interface AccessLogEnd {
  readonly config: AccessLogConfig
  /** Number under which the thread that writes knows `config`. */
  readonly format: number
  readonly ring: SharedArrayBuffer
  readonly bell: SharedArrayBuffer
}

/** Texts are handed over up to here; a line shows less of them. */
const MAX_HANDED = 4096
/** Names of routes and peers that are kept packed. */
const MAX_NAMES = 1024
const NO_HEADERS: readonly (string | null)[] = []

/**
 * Where a thread puts the sessions that have ended. It never waits and makes no line: an entry goes into a ring as it is, and the thread that writes
 * does the rest.
 */
export class AccessLog {
  readonly #sampler: Sampler
  readonly #writer: RecordWriter
  readonly #redactor: Redactor
  readonly #headers: readonly string[]
  readonly #format: number
  readonly #names = new Map<string, string>()

  constructor({ config, format, ring, bell }: AccessLogEnd) {
    this.#sampler = new Sampler(config.sample, config.slowMs)
    this.#writer = new RecordWriter(ring, bell)
    this.#redactor = new Redactor(config.redact)
    this.#headers = shownHeaders(config)
    this.#format = format
  }

  /** For how many sessions a line of this one would stand; 0: it gets none, and no entry need be made. */
  take(status: number, hasError: boolean, totalMs: number): number {
    return this.#sampler.take(status, hasError, totalMs)
  }

  /** @param every as `take` said */
  write(entry: AccessEntry, every: number): void {
    const { host, target, method, requestId } = entry
    const isLong =
      host.length > MAX_HANDED ||
      target.length > MAX_HANDED ||
      method.length > MAX_HANDED ||
      requestId.length > MAX_HANDED
    const fitting = isLong ? this.#shortened(entry) : entry
    const headers = this.#headers.length === 0 ? NO_HEADERS : this.#valuesOf(entry)
    const packed = this.#packed(fitting)
    writeEntry(this.#writer, packed, headers, { timeMs: Date.now(), every, format: this.#format })
  }

  #packed(entry: AccessEntry): AccessEntry {
    const route = this.#name(entry.route)
    const upstream = this.#name(entry.upstream)
    return route === entry.route && upstream === entry.upstream ? entry : { ...entry, route, upstream }
  }

  #name(name: string): string {
    let packed = this.#names.get(name)
    if (packed === undefined) {
      if (this.#names.size >= MAX_NAMES) this.#names.clear()
      packed = packName(name)
      this.#names.set(name, packed)
    }
    return packed
  }

  /** Redacted first: of a secret not even the beginning stays. */
  #shortened(entry: AccessEntry): AccessEntry {
    return {
      ...entry,
      requestId: entry.requestId.slice(0, MAX_HANDED),
      method: entry.method.slice(0, MAX_HANDED),
      host: entry.host.slice(0, MAX_HANDED),
      target: this.#redactor.url(entry.target).slice(0, MAX_HANDED),
    }
  }

  #valuesOf(entry: AccessEntry): (string | null)[] {
    return this.#headers.map((name) => {
      const value = entry.header(name)
      return value === null || value.length <= MAX_HANDED
        ? value
        : this.#redactor.header(name, value).slice(0, MAX_HANDED)
    })
  }
}
