export { createStoreMemory } from './layout.js'
export { type HashFunction, SharedStore } from './shared-store.js'
export {
  type EntryHead,
  type EntryState,
  type EntryStore,
  type EntryWriter,
  type FillOptions,
  FLAG_PURGED,
  type KeptEntry,
  type NewEntryHead,
  type PurgeMode,
  type StoredEntry,
  type StoreMemory,
  type StorePlan,
  type StoreStats,
} from './types.js'
