import { commonLines } from './common-line.js'
import { jsonLines, type LineFormat } from './json-line.js'
import { LineWriter } from './line-ring.js'
import { Redactor } from './redactor.js'
import { Sampler } from './sampler.js'
import type { AccessEntry, AccessLogConfig } from './types.js'

/** One thread's end of the access log. Plain data. */
export interface AccessLogEnd {
  readonly config: AccessLogConfig
  readonly ring: SharedArrayBuffer
  readonly bell: SharedArrayBuffer
}

/** Where a thread puts the sessions that have ended. It never waits: see {@link LineWriter}. */
export class AccessLog {
  readonly #sampler: Sampler
  readonly #format: LineFormat

  /** @param base stands in every line of JSON */
  constructor({ config, ring, bell }: AccessLogEnd, base: Readonly<Record<string, unknown>>) {
    const { sample, slowMs, format, headers } = config
    this.#sampler = new Sampler(sample, slowMs)
    const writer = new LineWriter(ring, bell)
    const write = (line: string): void => {
      writer.write(line)
    }
    const redactor = new Redactor(config.redact)
    this.#format =
      format === 'json'
        ? jsonLines({ redactor, headers, base }, write)
        : commonLines(redactor, format === 'combined', write)
  }

  /** For how many sessions a line of this one would stand; 0: it gets none, and no entry need be made. */
  take(status: number, hasError: boolean, totalMs: number): number {
    return this.#sampler.take(status, hasError, totalMs)
  }

  /** @param every as `take` said */
  write(entry: AccessEntry, every: number): void {
    this.#format(entry, every)
  }
}
