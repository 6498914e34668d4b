import type { GatewayConfig } from '../config/types.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { KeptStateThread, StorePort } from '../state/kept-state-thread.js'
import { Backoff } from './backoff.js'
import { ReloadRefused } from './fixed-settings.js'

/**
 * The threads of the LMDB stores that routes name: one for those of the start, one more for those that a reload adds. They stay open until the gateway
 * ends, as workers of a former configuration may still decide in them.
 */
export class StateStores {
  readonly #threads: KeptStateThread[] = []
  readonly #open = new Map<string, 'disk' | 'process'>()
  readonly #logger: Logger
  readonly #counters: CounterRow<GatewayCounter>

  constructor(logger: Logger, counters: CounterRow<GatewayCounter>) {
    this.#logger = logger
    this.#counters = counters
  }

  /**
   * Opens what this configuration names and is not open yet.
   * @throws ReloadRefused when a store is open with another durability; Error when one cannot be opened
   */
  async open(config: GatewayConfig): Promise<void> {
    const stores = new Map<string, { path: string; durability: 'disk' | 'process' }>()
    for (const { adserving } of config.routes) {
      if (adserving?.store.kind !== 'lmdb') continue
      const { path, durability } = adserving.store
      const open = this.#open.get(path)
      if (open === undefined) stores.set(path, { path, durability })
      else if (open !== durability)
        throw new ReloadRefused([`the durability of the store '${path}' cannot change without a restart`])
    }
    if (stores.size === 0) return
    const [{ KeptStateThread: Thread }, { setAsideDamaged }] = await Promise.all([
      import('../state/kept-state-thread.js'),
      import('../state/set-aside-damaged.js'),
    ])
    for (const path of stores.keys()) {
      const movedTo = await setAsideDamaged(path)
      if (movedTo === null) continue
      this.#logger.error(
        { path, movedTo },
        'the state database was damaged: it was moved aside, and a new one begins',
      )
    }
    const backoff = new Backoff()
    const thread = await Thread.start({
      stores: [...stores.values()],
      onLost: (err) => {
        const delay_ms = backoff.nextDelayMs()
        this.#counters.add('state_restarts')
        const message =
          'the thread of the state stores ended and is started again: until then policies decide'
        this.#logger.error({ err, delay_ms }, message)
        return delay_ms
      },
      onBack: () => {
        backoff.started()
        this.#logger.info('the thread of the state stores is back')
      },
    })
    backoff.started()
    this.#threads.push(thread)
    for (const { path, durability } of stores.values()) this.#open.set(path, durability)
  }

  /** Ports to all stores, for one worker. */
  ports(): StorePort[] {
    return this.#threads.flatMap((thread) => thread.ports())
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}
