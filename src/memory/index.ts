export { type Counter, type CounterRow, SharedCounters } from './counters.js'
export { type GcraResult, GcraTable } from './gcra-table.js'
export { readLatin1, writeLatin1 } from './latin1.js'
export { LifecycleBoard } from './lifecycle-board.js'
export { type BellListener, createBells, SharedBell } from './shared-bell.js'
export { copyIntoShared, copyOfShared, copyOutOfShared } from './shared-copy.js'
export { SHORT_LOCK_WORDS, ShortLock } from './short-lock.js'
export { giveSlab, SLAB_BYTES, takeSlab } from './slabs.js'
export {
  RESTART_REASONS,
  type RestartReason,
  WORKER_STATES,
  WorkerBoard,
  type WorkerState,
} from './worker-board.js'
