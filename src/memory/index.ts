export { type CounterRow, SharedCounters } from './counters.js'
export { readLatin1, writeLatin1 } from './latin1.js'
export { WORKER_STATES, WorkerBoard, type WorkerState } from './worker-board.js'
