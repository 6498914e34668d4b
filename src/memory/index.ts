export { type CounterRow, SharedCounters } from './counters.js'
export { readLatin1, writeLatin1 } from './latin1.js'
export { giveSlab, SLAB_BYTES, SLAB_WORTH_BYTES, takeSlab } from './slabs.js'
export { WORKER_STATES, WorkerBoard, type WorkerState } from './worker-board.js'
