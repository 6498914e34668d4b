import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { restBeforeEnd } from '../time/index.js'
import { LmdbStore, type LmdbStoreOptions } from './lmdb-store.js'
import { serveStore } from './port-store.js'

/** What the thread of the stores is told. */
export type StateThreadMessage =
  | { readonly type: 'serve'; readonly store: number; readonly port: MessagePort }
  | { readonly type: 'close' }

/** What the thread of the stores tells once it is ready: decisions of a store begin to fail, or (null) are taken again. */
export interface StateHealthMessage {
  readonly store: number
  readonly failure: string | null
}

const { stores: options } = workerData as { readonly stores: readonly LmdbStoreOptions[] }
const stores = options.map((store, index) => {
  const onHealth = (failure: Error | null): void =>
    parentPort?.postMessage({ store: index, failure: failure?.message ?? null } satisfies StateHealthMessage)
  return new LmdbStore({ ...store, onHealth })
})

parentPort?.on('message', (message: StateThreadMessage) => {
  if (message.type === 'serve') {
    const store = stores[message.store]
    if (store !== undefined) serveStore(store, message.port)
    return
  }
  // The ports of workers that still run would keep the thread; nothing is under way in a store that is closed.
  void Promise.allSettled([...stores.map((store) => store.close()), restBeforeEnd()]).then(() =>
    process.exit(0),
  )
})
parentPort?.postMessage('ready')
