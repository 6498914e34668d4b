import { type AdResult, BaseUpstream, type UpstreamCall } from '#src/ads/index.js'
import type { LogLine } from './log-lines.js'

/** An upstream whose answers a test gives. Keeps its calls. */
export class FakeUpstream extends BaseUpstream<AdResult> {
  readonly calls: UpstreamCall[] = []
  closed = 0
  healthy = true
  readonly #answer: (call: UpstreamCall, count: number) => AdResult | Promise<AdResult>

  constructor(
    readonly name: string,
    answer: (call: UpstreamCall, count: number) => AdResult | Promise<AdResult>,
    readonly isIdempotent = true,
  ) {
    super()
    this.#answer = answer
  }

  async request(call: UpstreamCall = {}): Promise<AdResult> {
    this.calls.push(call)
    return await this.#answer(call, this.calls.length)
  }

  close(): Promise<void> {
    this.closed += 1
    return Promise.resolve()
  }

  healthCheck(): Promise<boolean> {
    return Promise.resolve(this.healthy)
  }
}

export const AD: AdResult = { kind: 'fill', ad: { id: 'ad-1' } }
export const NO_AD: AdResult = { kind: 'no-fill', reason: 'no-ad' }

/** A logger that keeps its records. */
export class RecordingLogger {
  readonly records: (LogLine & { readonly level: string })[] = []
  constructor(readonly level: 'debug' | 'info' = 'info') {}

  info(fields: object, msg: string): void {
    this.records.push({ ...fields, level: 'info', msg })
  }
  warn(fields: object, msg: string): void {
    this.records.push({ ...fields, level: 'warn', msg })
  }
  error(fields: object, msg: string): void {
    this.records.push({ ...fields, level: 'error', msg })
  }
  isLevelEnabled(level: string): boolean {
    return level !== 'debug' || this.level === 'debug'
  }
}
