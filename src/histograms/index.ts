export { HistogramStore, histogramWriters, PHASES, type Phase, type Recorder } from './histogram-store.js'
export { SLOTS, slotOf } from './layout.js'
export { histogramLog, type LatencySummary, summaries, summarize } from './summary.js'
