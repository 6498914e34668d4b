/** Milliseconds of the machine's monotonic clock: the same base in every thread of the process. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

let offsetMs = Date.now() - performance.now()

/**
 * The wall-clock time at which the monotonic clock stood at zero. The main thread decides it once and hands it to every
 * other thread ({@link useClockAnchor}), so that times of different threads compare, also when the system clock was
 * changed between their starts (contract A-37).
 */
export function clockAnchor(): number {
  return offsetMs + performance.now() - monotonicMs()
}

/** Adopts the anchor of the main thread. */
export function useClockAnchor(anchorMs: number): void {
  offsetMs = anchorMs + monotonicMs() - performance.now()
}

/**
 * The one clock of the gateway: milliseconds since the epoch with fractions, monotonic (contract D3).
 * It is the monotonic clock anchored once to the wall clock: a change of the system clock does not disturb it.
 */
export function now(): number {
  return offsetMs + performance.now()
}
