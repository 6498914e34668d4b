export { LmdbStore, type LmdbStoreOptions } from './lmdb-store.js'
export { MemoryStore, type MemoryStoreOptions } from './memory-store.js'
export { RedisStore, type RedisStoreOptions } from './redis/index.js'
export type {
  BudgetCheck,
  BudgetRefusal,
  BudgetRefusalReason,
  BudgetUse,
  CapCheck,
  CapRefusal,
  CapUse,
  CapWindow,
  CommitOptions,
  CommitStatus,
  Decision,
  LatePolicy,
  Refusal,
  ReleaseStatus,
  ReserveOptions,
  ReserveResult,
  StateStore,
} from './state-store.js'
export { StateStoreError, type StateStoreFailure } from './state-store-error.js'
