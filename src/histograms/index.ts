export { HistogramStore, PHASES, type Phase, type Recorder } from './histogram-store.js'
export { SLOTS, slotOf } from './layout.js'
export { StoreCopy } from './store-copy.js'
export { histogramLog, type LatencySummary, summaries, summarize } from './summary.js'
