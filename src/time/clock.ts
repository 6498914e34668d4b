/**
 * The one clock of the gateway: milliseconds since the epoch with fractions, monotonic.
 *
 * It is `performance.now()` anchored once to the wall clock, so that it never runs backwards and a
 * change of the system clock does not disturb latencies (contract D3, A-37). `performance.timeOrigin`
 * differs between threads, so all threads agree on the anchor only through the machine's own clock:
 * values of different threads of one process compare to within microseconds.
 */
export function now(): number {
  return performance.timeOrigin + performance.now()
}
