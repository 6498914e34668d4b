import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { LmdbStore, type LmdbStoreOptions } from './lmdb-store.js'
import { serveStore } from './port-store.js'

/** What the thread of the stores is told. */
export type StateThreadMessage =
  | { readonly type: 'serve'; readonly store: number; readonly port: MessagePort }
  | { readonly type: 'close' }

const { stores: options } = workerData as { readonly stores: readonly LmdbStoreOptions[] }
const stores = options.map((store) => new LmdbStore(store))

parentPort?.on('message', (message: StateThreadMessage) => {
  if (message.type === 'serve') {
    const store = stores[message.store]
    if (store !== undefined) serveStore(store, message.port)
    return
  }
  // The ports of workers that still run would keep the thread; nothing is under way in a store that is closed.
  void Promise.allSettled(stores.map((store) => store.close())).then(() => process.exit(0))
})
parentPort?.postMessage('ready')
