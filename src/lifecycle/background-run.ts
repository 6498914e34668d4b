import { now } from '../time/index.js'
import type { RevalidationJob } from './cache-state.js'
import type { ClientPort } from './client-port.js'
import type { LifecycleEnv } from './route.js'
import { SessionRun } from './session-run.js'

/** Stands in for a client that nobody is: takes everything at once. */
class NobodyPort implements ClientPort {
  run: SessionRun | null = null
  onOver: () => void = () => undefined

  head(
    _status: number,
    _text: string,
    _block: string,
    _length: number | null,
    _body: unknown,
    complete: boolean,
  ): void {
    if (complete) this.end()
  }

  informational(): void {}

  body(): boolean {
    return true
  }

  end(): void {
    setImmediate(() => {
      this.run?.onSent(now())
      this.onOver()
    })
  }

  fail(): void {
    setImmediate(() => {
      this.run?.onClientAbort()
      this.onOver()
    })
  }

  grant(): void {}

  flushLater(): void {
    queueMicrotask(() => this.run?.flushHead())
  }
}

/**
 * Validations in the background, one session each, with all filters of the route, since the upstream may want what those add (F-34).
 */
export class BackgroundRuns {
  readonly #env: LifecycleEnv
  readonly #runs = new Set<SessionRun>()

  /** @param env whose `onOutcome` is for sessions that no client has begun */
  constructor(env: LifecycleEnv) {
    this.#env = env
  }

  start({ start, route, lead }: RevalidationJob): void {
    const port = new NobodyPort()
    const whole = { ...start, method: 'GET', upgrade: '', startMs: now() }
    // In a turn of its own: the client that is about to get the stale answer goes first.
    setImmediate(() => {
      const run = new SessionRun(whole, route, this.#env, port, lead)
      port.run = run
      port.onOver = () => this.#runs.delete(run)
      this.#runs.add(run)
      run.start()
    })
  }

  /** The worker ends. */
  close(): void {
    for (const run of this.#runs) run.onShutdown()
    this.#runs.clear()
  }
}
