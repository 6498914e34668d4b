import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { clockAnchor, now, useClockAnchor } from '#src/time/index.js'

afterEach(() => void vi.restoreAllMocks())

/** Much less than a message between threads takes, much more than the clocks differ. */
const AGREEMENT_MS = 0.05

describe('now', () => {
  it('D3 is the time since the epoch with fractions of a millisecond, and never goes back', () => {
    expect(Math.abs(now() - Date.now())).toBeLessThan(1000)
    let before = now()
    let backwards = 0
    let fractions = 0
    for (let i = 0; i < 200_000; i += 1) {
      const current = now()
      if (current < before) backwards += 1
      if (!Number.isInteger(current)) fractions += 1
      before = current
    }
    expect(backwards).toBe(0)
    expect(fractions).toBeGreaterThan(0)
  })

  it('C14 A-37 does not notice that the system clock is set', () => {
    const anchor = clockAnchor()
    const before = now()
    const set = vi.spyOn(Date, 'now').mockReturnValue(0)
    expect(now()).toBeGreaterThanOrEqual(before)
    expect(now() - before).toBeLessThan(10_000)
    set.mockReturnValue(4e12)
    expect(now() - before).toBeLessThan(10_000)
    expect(Math.abs(clockAnchor() - anchor)).toBeLessThan(AGREEMENT_MS)
  })
})

describe('the anchor', () => {
  it('C14 A-37 makes threads agree, also those that were started after a jump of the system clock', async () => {
    const workers = [0, 3_600_000, -86_400_000].map(
      (jumpMs) =>
        new Worker(new URL('./support/clock-peer.mjs', import.meta.url), {
          workerData: { jumpMs, anchorMs: clockAnchor() },
        }),
    )
    await Promise.all(workers.map((worker) => once(worker, 'message')))
    for (const worker of workers) {
      for (let i = 0; i < 100; i += 1) {
        const askedMs = now()
        worker.postMessage('time')
        const [answer] = (await once(worker, 'message')) as [{ atMs: number; anchorMs: number }]
        const answeredMs = now()
        expect(answer.atMs).toBeGreaterThanOrEqual(askedMs)
        expect(answer.atMs).toBeLessThanOrEqual(answeredMs)
        expect(Math.abs(answer.anchorMs - clockAnchor())).toBeLessThan(AGREEMENT_MS)
      }
      worker.postMessage('end')
      await once(worker, 'exit')
    }
  })

  it('A-37 is not off because the thread lost its core between reading one clock and the other', () => {
    const anchor = clockAnchor()
    const read = process.hrtime.bigint
    let interruptions = 0
    const interrupted = (before: boolean) => (): bigint => {
      const wait = interruptions < 3
      interruptions += 1
      const pause = (): void => {
        if (!wait) return
        const untilMs = performance.now() + 5
        while (performance.now() < untilMs);
      }
      if (before) pause()
      const result = read.call(process.hrtime)
      if (!before) pause()
      return result
    }
    for (const before of [true, false]) {
      const spy = vi.spyOn(process.hrtime, 'bigint').mockImplementation(interrupted(before))
      interruptions = 0
      expect(Math.abs(clockAnchor() - anchor)).toBeLessThan(AGREEMENT_MS)
      interruptions = 0
      useClockAnchor(anchor)
      expect(interruptions).toBeGreaterThan(3)
      spy.mockRestore()
      expect(Math.abs(clockAnchor() - anchor)).toBeLessThan(AGREEMENT_MS)
    }
  })
})
