import type { GatewayConfig } from '../config/types.js'
import type { StateStoreConfig } from '../config/types-adserving.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow, LifecycleBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { KeptStateThread, StorePort } from '../state/kept-state-thread.js'
import { Backoff } from './backoff.js'
import { ReloadRefused } from './fixed-settings.js'

type LmdbConfig = Extract<StateStoreConfig, { kind: 'lmdb' }>

/**
 * The LMDB stores that routes name, each in a thread of its own, so that one that cannot be opened takes no other with it. They stay open until the
 * gateway ends, as workers of a former configuration may still decide in them.
 */
export class StateStores {
  readonly #threads: KeptStateThread[] = []
  readonly #open = new Map<string, LmdbConfig['durability']>()
  readonly #degraded = new Set<string>()
  readonly #logger: Logger
  readonly #counters: CounterRow<GatewayCounter>
  readonly #lifecycle: LifecycleBoard

  constructor(logger: Logger, counters: CounterRow<GatewayCounter>, lifecycle: LifecycleBoard) {
    this.#logger = logger
    this.#counters = counters
    this.#lifecycle = lifecycle
  }

  /**
   * Opens what this configuration names and is not open yet. One that cannot be opened is tried again while policies decide, or fails the start,
   * as its `onFailure` says (C12).
   * @throws ReloadRefused when a store is open with another durability; Error when one cannot be opened that must be
   */
  async open(config: GatewayConfig): Promise<void> {
    const stores = new Map<string, LmdbConfig>()
    for (const { adserving } of config.routes) {
      if (adserving?.store.kind !== 'lmdb') continue
      const { store } = adserving
      const open = this.#open.get(store.path)
      if (open === undefined) stores.set(store.path, stricter(stores.get(store.path), store))
      else if (open !== store.durability)
        throw new ReloadRefused([
          `the durability of the store '${store.path}' cannot change without a restart`,
        ])
    }
    for (const store of stores.values()) {
      this.#threads.push(await this.#start(store))
      this.#open.set(store.path, store.durability)
    }
  }

  /** Ports to all stores, for one worker. */
  ports(): StorePort[] {
    return this.#threads.flatMap((thread) => thread.ports())
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  async #start({ path, durability, onFailure }: LmdbConfig): Promise<KeptStateThread> {
    const [{ KeptStateThread: Thread }, { setAsideDamaged }] = await Promise.all([
      import('../state/kept-state-thread.js'),
      import('../state/set-aside-damaged.js'),
    ])
    const logger = this.#logger
    const backoff = new Backoff()
    const thread = await Thread.start({
      stores: [{ path, durability }],
      degrades: onFailure === 'degrade',
      async beforeStart() {
        const movedTo = await setAsideDamaged(path)
        if (movedTo === null) return
        const message = 'the state database was damaged: it was moved aside, and a new one begins'
        logger.error({ path, movedTo }, message)
      },
      onLost: (err) => {
        const delay_ms = backoff.nextDelayMs()
        this.#counters.add('state_restarts')
        // Each further failure is the same news.
        const level = this.#degraded.has(path) ? 'debug' : 'error'
        logger[level]({ path, err, delay_ms }, LOST)
        this.#setDegraded(path, true)
        return delay_ms
      },
      onBack: () => {
        backoff.started()
        this.#setDegraded(path, false)
        logger.info({ path }, 'the thread of the state stores is back')
      },
      onHealth: (_, failure) => {
        this.#setDegraded(path, failure !== null)
        if (failure === null) logger.info({ path }, 'the state store takes decisions again')
        else logger.error({ path, reason: failure }, 'the state store takes no decisions: policies decide')
      },
    })
    if (thread.isOpen) backoff.started()
    return thread
  }

  #setDegraded(path: string, isDegraded: boolean): void {
    if (isDegraded) this.#degraded.add(path)
    else this.#degraded.delete(path)
    this.#lifecycle.degradedStores = this.#degraded.size
  }
}

const LOST =
  'the thread of the state stores ended or cannot open its store, and is started again: until then policies decide'

/** One route that must have the store is enough. */
function stricter(former: LmdbConfig | undefined, store: LmdbConfig): LmdbConfig {
  return former?.onFailure === 'stop' ? { ...store, onFailure: 'stop' } : store
}
