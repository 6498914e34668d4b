import { expect, it } from 'vitest'
import { churn } from '../cache/support/churn.js'

/** A minute or two. The promise of the design is about a hundred million: `SOAK_CACHE_OPERATIONS=100000000`, an hour on two quiet cores. */
const OPERATIONS = Number(process.env['SOAK_CACHE_OPERATIONS'] ?? 2_000_000)
/** What the slowest machine that this is run on does in a second, and then some. */
const LEAST_PER_SECOND = 5000

it(
  `C6 ${OPERATIONS} operations of all threads, workers killed at random: nothing torn, nothing leaked`,
  async () => {
    const startMs = performance.now()
    const tell = (done: number, killed: number): void => {
      const seconds = (performance.now() - startMs) / 1000
      process.stdout.write(
        `${done} operations in ${Math.round(seconds)} s, ${Math.round(done / seconds)} a second, ${killed} workers killed\n`,
      )
    }
    const report = await churn({
      operations: OPERATIONS,
      sizeBytes: 64 * 1024 * 1024,
      keys: 50_000,
      workers: 3,
      killEveryMs: 2000,
      onProgress: tell,
    })
    tell(report.done, report.killed)
    process.stdout.write(`${report.during.rebuilds} died in the middle of a change\n`)
    process.stdout.write(`${JSON.stringify({ during: report.during, after: report.after })}\n`)
    expect(report.wrong).toEqual([])
    expect(report.done).toBeGreaterThanOrEqual(OPERATIONS)
    expect(report.killed).toBeGreaterThan(0)
    expect(report.during).toMatchObject({ filling: 0 })
    expect(report.after).toMatchObject({ usedBytes: 0, entries: 0, filling: 0, lingering: 0 })
    expect(report.leads).toBe(0)
  },
  Math.max(600_000, (OPERATIONS / LEAST_PER_SECOND) * 1000),
)
