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
import { AD, NO_AD, RecordingLogger } from '../support/fake-upstream.js'

export { AD, NO_AD, RecordingLogger }

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

export const EVENTS: EventOptions = { keys: [{ id: 'k1', secret: 'a secret of at least 32 bytes, k1' }] }

export interface Setup {
  readonly session: UpstreamSession
  readonly upstream: AskedUpstream
  readonly store: StateStore
  readonly clock: FakeClock
  readonly logger: RecordingLogger
}

/** A session over a memory store, both on a clock of the test. */
export function setUp(options: Partial<UpstreamSessionOptions> = {}): Setup {
  const clock = new FakeClock()
  const upstream = new AskedUpstream()
  const store = options.store ?? new MemoryStore({ clock: clock.read })
  const logger = new RecordingLogger()
  const session = new UpstreamSession({ upstream, store, clock: clock.read, logger, ...options })
  return { session, upstream, store, clock, logger }
}

export function contextOf(userId?: string, cookies: Record<string, string> = {}): SessionContext {
  return SessionContext.create({
    cookies: { ...(userId === undefined ? {} : { user_id: userId }), ...cookies },
  })
}
