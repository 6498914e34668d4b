import { existsSync } from 'node:fs'
import { isMainThread, workerData } from 'node:worker_threads'

// Loaded before all else in every thread; those of workers are the ones that are given no data at their start.
const isOfWorker = !isMainThread && (workerData ?? null) === null
if (isOfWorker && existsSync(new URL('./no-threads', import.meta.url))) throw new Error('no threads today')
