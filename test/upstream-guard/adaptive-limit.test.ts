import { describe, expect, it } from 'vitest'
import { AdaptiveLimit, SHARE } from '#src/upstream/guard/index.js'
import { PeerTable, readGuard } from '#src/upstream/index.js'

const WINDOW_MS = 250
const CONFIG = { min: 4, max: 400, initial: 32, tolerance: 1.5, windowMs: WINDOW_MS }

/** Two workers at one upstream, with a clock that is ours. */
function scene(config = CONFIG) {
  const table = new PeerTable({ workers: 2, rows: [1] })
  const memories = [table.guard(0, 0), table.guard(0, 1)]
  let nowMs = memories[0]?.epochMs ?? 0
  const limits = memories.map((memory) => new AdaptiveLimit(config, memory, () => nowMs))
  const value = (): number => limits[0]?.value ?? 0
  return {
    value,
    stats: () => readGuard(table.guard(0, 0), nowMs),
    /**
     * Lets windows pass in which as many sessions as may, of `demand`, are at the upstream.
     * @param latencyMs of an answer while so many are there; negative: it is dropped
     */
    run(windows: number, demand: number, latencyMs: (active: number, sample: number) => number): void {
      for (let window = 0; window < windows; window += 1) {
        const active = Math.min(demand, value())
        for (const { words, shares, shareStride, worker } of memories) {
          const own = worker === 0 ? Math.ceil(active / 2) : Math.floor(active / 2)
          Atomics.store(words, shares + worker * shareStride + SHARE.active, own)
        }
        for (let sample = 0; sample < 40; sample += 1) {
          const tookMs = latencyMs(active, sample)
          if (tookMs < 0) limits[sample % 2]?.dropped()
          else limits[sample % 2]?.answered(tookMs)
          nowMs += WINDOW_MS / 40
        }
      }
    },
  }
}

/** An upstream that serves `capacity` at once in 10 ms; who comes beyond that waits in it. */
const serving =
  (capacity: number) =>
  (active: number): number =>
    10 * Math.max(1, active / capacity)

describe('an adaptive limit', () => {
  it('begins where it is told, and grows while latency is flat, up to its maximum', () => {
    const { value, run, stats } = scene()
    expect(value()).toBe(32)
    run(40, 1000, () => 10)
    expect(value()).toBeGreaterThan(60)
    expect(stats().concurrencyLimit).toBe(value())
    run(400, 1000, () => 10)
    expect(value()).toBe(400)
  })

  it.each([40, 50, 150])('settles near what the upstream can do: %i at once', (capacity) => {
    const { value, run } = scene()
    run(400, 1000, serving(capacity))
    const settled = value()
    expect(settled).toBeGreaterThan(capacity)
    expect(settled).toBeLessThan(capacity * 2.2)
    // And stays there: a long queue does not become what is normal.
    run(1000, 1000, serving(capacity))
    expect(value()).toBeLessThan(settled * 1.5)
  })

  it('backs off within seconds when the upstream slows down, and comes back', () => {
    const { value, run } = scene()
    run(200, 1000, serving(100))
    const before = value()
    run(20, 1000, serving(10))
    expect(value()).toBeLessThan(before / 2)
    run(200, 1000, serving(100))
    expect(value()).toBeGreaterThan(100)
  })

  it('learns nothing from places that nobody uses', () => {
    const { value, run } = scene()
    run(100, 10, () => 10)
    expect(value()).toBe(32)
  })

  it('follows an upstream that has become slower for good, while there is room', () => {
    const { value, run } = scene()
    run(50, 20, () => 10)
    run(1500, 20, () => 30)
    run(100, 1000, () => 30)
    expect(value()).toBeGreaterThan(32)
  })

  it('falls to its minimum while a fifth is dropped, whatever the rest takes', () => {
    const { value, run } = scene()
    run(200, 1000, (_, sample) => (sample % 5 === 0 ? -1 : 10))
    expect(value()).toBe(4)
    run(200, 1000, () => 10)
    expect(value()).toBeGreaterThan(32)
  })

  it('moves once in a window however many workers there are, and not on a few samples', () => {
    const { value, run } = scene()
    run(1, 1000, () => 10)
    expect(value()).toBe(33)
    const few = scene({ ...CONFIG, windowMs: 10_000 })
    few.run(30, 1000, () => 10)
    expect(few.value()).toBe(33)
  })
})
