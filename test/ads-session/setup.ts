import {
  type AdResult,
  BaseUpstream,
  type EventOptions,
  MemoryStore,
  SessionContext,
  type StateStore,
  type UpstreamCall,
  UpstreamSession,
  type UpstreamSessionOptions,
} from '#src/ads/index.js'
import { FakeClock } from '../state/stores-under-test.js'
import type { LogLine } from '../support/log-lines.js'

/** An upstream whose answers a test gives. Keeps its calls. */
export class AskedUpstream extends BaseUpstream<AdResult> {
  readonly name = 'asked'
  readonly calls: UpstreamCall[] = []
  closed = 0
  answer: (count: number) => AdResult | Promise<AdResult> = () => AD

  async request(call: UpstreamCall = {}): Promise<AdResult> {
    this.calls.push(call)
    return await this.answer(this.calls.length)
  }

  async close(): Promise<void> {
    this.closed += 1
  }

  async healthCheck(): Promise<boolean> {
    return true
  }
}

export class Recorder {
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

export const AD: AdResult = { kind: 'fill', ad: { id: 'ad-1' } }
export const NO_AD: AdResult = { kind: 'no-fill', reason: 'no-ad' }

export const EVENTS: EventOptions = { keys: [{ id: 'k1', secret: 'a secret of at least 32 bytes, k1' }] }

export interface Setup {
  readonly session: UpstreamSession
  readonly upstream: AskedUpstream
  readonly store: StateStore
  readonly clock: FakeClock
  readonly logger: Recorder
}

/** A session over a memory store, both on a clock of the test. */
export function setUp(options: Partial<UpstreamSessionOptions> = {}): Setup {
  const clock = new FakeClock()
  const upstream = new AskedUpstream()
  const store = options.store ?? new MemoryStore({ clock: clock.read })
  const logger = new Recorder()
  const session = new UpstreamSession({ upstream, store, clock: clock.read, logger, ...options })
  return { session, upstream, store, clock, logger }
}

export function contextOf(userId?: string, cookies: Record<string, string> = {}): SessionContext {
  return SessionContext.create({
    cookies: { ...(userId === undefined ? {} : { user_id: userId }), ...cookies },
  })
}
