export { type CounterRow, SharedCounters } from './counters.js'
export { WORKER_STATES, WorkerBoard, type WorkerState } from './worker-board.js'
