import type { GatewayConfig } from '../config/types.js'
import type { Logger } from '../logging/index.js'
import type { StateThread } from '../state/state-thread.js'

/** Starts the thread of the LMDB stores that routes name. Null where none does. @throws Error when a store cannot be opened */
export async function startState(config: GatewayConfig, logger: Logger): Promise<StateThread | null> {
  const stores = new Map<string, { path: string; durability: 'disk' | 'process' }>()
  for (const { adserving } of config.routes) {
    if (adserving?.store.kind !== 'lmdb') continue
    const { path, durability } = adserving.store
    stores.set(path, { path, durability })
  }
  if (stores.size === 0) return null
  const { StateThread: Thread } = await import('../state/state-thread.js')
  return await Thread.start([...stores.values()], (err) =>
    logger.error({ err }, 'the thread of the state stores failed: budgets are closed until a restart'),
  )
}
