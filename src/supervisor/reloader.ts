import type { GatewayConfig } from '../config/types.js'
import type { LifecycleBoard } from '../memory/index.js'
import { releaseAdMemory } from './allocate-ad-memory.js'
import { needsRestart, ReloadRefused } from './fixed-settings.js'
import { bequeath, type Common, createGeneration, type Generation } from './generation.js'

export interface ReloaderOptions {
  readonly common: Common
  readonly lifecycle: LifecycleBoard
  /** The last that can go wrong before another configuration is taken. */
  beforeTaking(config: GatewayConfig, former: GatewayConfig): Promise<void>
  /** Another configuration is in use from now on; new sessions go by it. */
  onTaken(generation: Generation): void
}

/**
 * Puts one configuration in the place of another: the new workers come up beside the old ones, take over in one step, and the old ones
 * finish what they have. Whatever goes wrong before that step changes nothing.
 */
export class Reloader {
  readonly #options: ReloaderOptions
  #current: Generation
  /** Reloads come one after the other. */
  #queue: Promise<unknown> = Promise.resolve()
  #stopped = false
  readonly #retiring = new Set<Promise<void>>()
  #starting: Generation | null = null

  constructor(options: ReloaderOptions, first: Generation) {
    this.#options = options
    this.#current = first
    options.lifecycle.generation = 1
  }

  /** Number of the configuration in use, 1 being that of the start. */
  get generation(): number {
    return this.#options.lifecycle.generation
  }

  get current(): Generation {
    return this.#current
  }

  /**
   * @returns the number of the configuration, resolved when its workers have taken over
   * @throws ReloadRefused, or the Error of a filter that cannot be loaded
   */
  reload(config: GatewayConfig): Promise<number> {
    const { lifecycle } = this.#options
    const turn = this.#queue.then(async () => {
      try {
        await this.#reload(config)
        lifecycle.countReload(true)
        return lifecycle.generation
      } catch (error) {
        lifecycle.countReload(false)
        throw error
      }
    })
    this.#queue = turn.catch(() => undefined)
    return turn
  }

  noteFailure(): void {
    this.#options.lifecycle.countReload(false)
  }

  /** Ends all workers, also those that still finish sessions. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([this.#starting?.pool.stop(), this.#current.pool.stop(), ...this.#retiring])
  }

  async #reload(config: GatewayConfig): Promise<void> {
    const { common, lifecycle, onTaken } = this.#options
    const former = this.#current
    const reasons = [
      ...needsRestart(former.config, config, common.seats.count),
      ...common.cache.refusals(config),
    ]
    if (reasons.length > 0) throw new ReloadRefused(reasons)
    this.#refuseWhenStopped()
    await common.states.open(config)
    const accessLog = await common.accessLogs.open(config)
    const seats = await common.seats.whenFree(config.workers.count)
    const next = createGeneration(common, config, seats, former, accessLog)
    this.#starting = next
    try {
      this.#refuseWhenStopped()
      await next.pool.start()
      await next.measured?.copy(Array.from({ length: common.seats.count }, (_, seat) => seat))
      this.#refuseWhenStopped()
      await this.#options.beforeTaking(config, former.config)
    } catch (error) {
      await next.pool.stop()
      await this.#vacate(next, seats)
      throw error
    } finally {
      this.#starting = null
    }
    bequeath(former, next, common.seats.count)
    common.dispatcher.use(next.routing)
    next.pool.takeOver()
    this.#current = next
    lifecycle.generation += 1
    onTaken(next)
    const retired = this.#retire(former, next).finally(() => this.#retiring.delete(retired))
    this.#retiring.add(retired)
  }

  async #retire(former: Generation, next: Generation): Promise<void> {
    const { common } = this.#options
    const lost = await former.pool.retire(next.config.drain.timeoutMs)
    // What the former workers have measured while they finished; nobody else writes where they did.
    await next.measured?.copy(former.pool.seats)
    await this.#vacate(former, former.pool.seats)
    if (lost === 0) common.logger.debug('the former workers have finished')
    else common.logger.warn({ lost }, 'sessions on the former workers were cut: the drain timeout is over')
  }

  async #vacate({ peers, ads }: Generation, seats: readonly number[]): Promise<void> {
    const { board, cache, seats: all } = this.#options.common
    for (const seat of seats) {
      await cache.forget(seat)
      board.setState(seat, 'unused')
      peers.releaseWorker(seat)
      if (ads !== null) releaseAdMemory(ads, all.count, seat)
    }
    all.giveBack(seats)
  }

  #refuseWhenStopped(): void {
    if (this.#stopped) throw new ReloadRefused(['the gateway is stopping'], false)
  }
}
