// Imported: the global of this name is a getter, which costs as much as reading the clock.
import { performance } from 'node:perf_hooks'

/** Milliseconds of the machine's monotonic clock: the same base in every thread of the process. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Readings of both clocks of which the closest pair counts. */
const READINGS = 8

/**
 * Where this thread's `performance.now()` has its zero on the monotonic clock. A thread can lose its core between two readings, for
 * many milliseconds on a busy machine, so several pairs are taken and the closest one is believed.
 */
function threadOriginMs(): number {
  let originMs = 0
  let closestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < READINGS; i += 1) {
    const beforeMs = performance.now()
    const middleMs = monotonicMs()
    const afterMs = performance.now()
    if (afterMs - beforeMs >= closestMs) continue
    closestMs = afterMs - beforeMs
    originMs = middleMs - (beforeMs + afterMs) / 2
  }
  return originMs
}

let offsetMs = Date.now() - performance.now()

/**
 * The wall-clock time at which the monotonic clock stood at zero. The main thread decides it once and hands it to every
 * other thread ({@link useClockAnchor}), so that times of different threads compare, also when the system clock was
 * changed between their starts (contract A-37).
 */
export function clockAnchor(): number {
  return offsetMs - threadOriginMs()
}

/** Adopts the anchor of the main thread. */
export function useClockAnchor(anchorMs: number): void {
  offsetMs = anchorMs + threadOriginMs()
}

/**
 * The one clock of the gateway: milliseconds since the epoch with fractions, monotonic (contract D3).
 * It is the monotonic clock anchored once to the wall clock: a change of the system clock does not disturb it.
 */
export function now(): number {
  return offsetMs + performance.now()
}
