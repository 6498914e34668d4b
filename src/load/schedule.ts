/** Requests are due at multiples of this: so often the generator's metronome wakes it. */
export const TICK_MS = 0.5

/**
 * The times at which requests of an open loop are due, milliseconds after the start, in order. They are known before the run, whatever
 * the server does, and lie on the grid of {@link TICK_MS}, the next tick after the exact time: requests that a tick gathers leave
 * together, and that the generator cannot wake more often than that is no latency of the server.
 *
 * @param ratePerSecond more than 0.
 * @param lengthMs times from there on are not due.
 * @param seed of the random times of `poisson`: the same seed gives the same times.
 */
export function* schedule(
  ratePerSecond: number,
  lengthMs: number,
  arrivals: 'uniform' | 'poisson',
  seed = 1,
): Generator<number, void, undefined> {
  const meanGapMs = 1000 / ratePerSecond
  const random = mulberry32(seed)
  let exactMs = 0
  for (let i = 0; ; i += 1) {
    // Not summed up when uniform: the error of each addition would be.
    exactMs = arrivals === 'uniform' ? i * meanGapMs : exactMs - Math.log(1 - random()) * meanGapMs
    const dueMs = Math.ceil(exactMs / TICK_MS) * TICK_MS
    if (dueMs >= lengthMs) return
    yield dueMs
  }
}

/** Small generator of random numbers from 0 to 1 (Tommy Ettinger's mulberry32), because `Math.random` takes no seed. */
function mulberry32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
