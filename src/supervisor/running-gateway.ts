import { setTimeout as wait } from 'node:timers/promises'
import type { Acceptor, StartedAcceptor } from '../acceptor/index.js'
import { assertPlainData } from '../config/plain-data.js'
import type { GatewayConfig } from '../config/types.js'
import type { ControlSeat } from './control-seat.js'
import type { Common } from './generation.js'
import type { Reloader } from './reloader.js'
import type { DrainOptions, GatewayStats, ObservableGateway } from './types.js'

export interface GatewayParts {
  readonly acceptor: StartedAcceptor
  /** Answers plain HTTP where the other speaks TLS. */
  readonly redirects: Acceptor | null
  readonly control: ControlSeat
  readonly reloader: Reloader
  readonly common: Common
  /** One 32-bit word: 1 while the gateway drains. */
  readonly draining: SharedArrayBuffer
  /** What the dispatcher calls when nothing is in flight. */
  readonly idle: { tell: () => void }
}

/** How often it is looked whether clients have left. */
const LOOK_MS = 20

/** A gateway that listens, until it is closed. */
export class RunningGateway implements ObservableGateway {
  readonly listen: ObservableGateway['listen']
  readonly admin: NonNullable<ObservableGateway['admin']> | null
  readonly acceptorKind: 'uws' | 'node'
  readonly acceptorReason: string | null
  readonly redirect: ObservableGateway['listen'] | null
  readonly secure: boolean
  readonly #parts: GatewayParts
  #closing: Promise<void> | null = null
  #drained: Promise<{ lost: number }> | null = null
  #lost = 0
  #onClosed: () => void = () => undefined

  constructor(parts: GatewayParts) {
    this.#parts = parts
    const { acceptor, redirects, control, reloader } = parts
    this.redirect = redirects === null ? null : { host: redirects.host, port: redirects.port }
    this.secure = reloader.current.config.tls !== undefined
    this.listen = { host: acceptor.host, port: acceptor.port }
    this.admin =
      control.current === null || reloader.current.config.admin === null
        ? null
        : { host: control.current.host, port: control.current.port }
    this.acceptorKind = acceptor.kind
    this.acceptorReason = acceptor.fallbackReason
  }

  get workers(): number {
    return this.#parts.reloader.current.config.workers.count
  }

  get inFlight(): number {
    return this.#parts.common.dispatcher.inFlight
  }

  /** Called once it is closed. */
  onClosed(callback: () => void): void {
    this.#onClosed = callback
  }

  async reload(config: GatewayConfig): Promise<number> {
    assertPlainData(config, 'config')
    return await this.#parts.reloader.reload(config)
  }

  noteFailedReload(): void {
    this.#parts.reloader.noteFailure()
  }

  drain(options: DrainOptions = {}): Promise<{ lost: number }> {
    this.#drained ??= this.#drain(options)
    return this.#drained
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  reopenLogs(): void {
    this.#parts.common.accessLogs.reopen()
  }

  workersBusy(): readonly number[] {
    return this.#parts.reloader.current.pool.loopsBusy()
  }

  stats(): GatewayStats {
    const { common, reloader } = this.#parts
    return {
      inFlight: this.inFlight,
      generation: reloader.generation,
      counters: common.counters.totals(),
    }
  }

  async #drain({ untilUnused = false }: DrainOptions): Promise<{ lost: number }> {
    const { acceptor, redirects, draining, idle, reloader, common } = this.#parts
    const { delayMs, timeoutMs } = reloader.current.config.drain
    Atomics.store(new Int32Array(draining), 0, 1)
    // Who has taken the port over is told by nobody that it is to get ready.
    if (delayMs > 0 && !untilUnused) await wait(delayMs)
    const endMs = performance.now() + timeoutMs
    await Promise.all([acceptor.stopWhenQuiet(), redirects?.stopWhenQuiet()])
    if (this.inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        idle.tell = () => {
          clearTimeout(timer)
          // The last answers still have to leave the process.
          setImmediate(resolve)
        }
      })
    }
    // A client may be about to use a connection that looks idle: closing it would lose that request.
    while (untilUnused && acceptor.connections > 0 && performance.now() < endMs && this.#closing === null)
      await wait(LOOK_MS)
    await this.close()
    // Who has taken the port over stores and purges already: what this process knows is of the past then.
    if (!untilUnused) await common.cache.save(reloader.current.config)
    return { lost: this.#lost }
  }

  async #close(): Promise<void> {
    const { acceptor, redirects, control, reloader, common } = this.#parts
    this.#lost = this.inFlight
    acceptor.stopListening()
    await Promise.all([acceptor.close(), redirects?.close()])
    await reloader.stop()
    reloader.current.journal.close()
    await control.close()
    await common.accessLogs.close()
    await common.states.close()
    this.#onClosed()
  }
}
