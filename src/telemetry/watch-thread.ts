import { type EventLoopUtilization, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { ThreadLoad } from './thread-gauges.js'

/** How often a thread is looked at, ms. */
const LOOK_MS = 100
/** Looks that are told of together. */
const LOOKS = 10

/**
 * Tells once a second how the event loop of this thread did. Ten timers a second are all that it costs; they do not keep the thread alive.
 * @returns stops it
 */
export function watchThread(tell: (load: ThreadLoad) => void): () => void {
  let before: EventLoopUtilization = performance.eventLoopUtilization()
  let lookedAtMs = performance.now()
  let delayMs = 0
  let looks = 0
  const timer = setInterval(() => {
    const nowMs = performance.now()
    delayMs = Math.max(delayMs, nowMs - lookedAtMs - LOOK_MS)
    lookedAtMs = nowMs
    looks += 1
    if (looks < LOOKS) return
    const current = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(current, before)
    tell({ utilization, delayMs, heapBytes: getHeapStatistics().used_heap_size })
    before = current
    delayMs = 0
    looks = 0
  }, LOOK_MS)
  timer.unref()
  return () => clearInterval(timer)
}
