import { expect, it } from 'vitest'
import { churn } from '../cache/support/churn.js'

const OPERATIONS = Number(process.env['SOAK_CACHE_OPERATIONS'] ?? 100_000_000)

it('a hundred million operations of all threads, workers killed at random: nothing torn, nothing leaked', async () => {
  const startMs = performance.now()
  const report = await churn({
    operations: OPERATIONS,
    sizeBytes: 64 * 1024 * 1024,
    keys: 50_000,
    workers: 4,
    killEveryMs: 500,
  })
  const seconds = (performance.now() - startMs) / 1000
  process.stdout.write(
    `${Math.round(report.done / seconds)} operations/s, ${report.killed} workers killed, ${report.during.rebuilds} of them in the middle of a change\n`,
  )
  expect(report.wrong).toEqual([])
  expect(report.after).toMatchObject({ usedBytes: 0, entries: 0, filling: 0, lingering: 0 })
  expect(report.leads).toBe(0)
}, 3_600_000)
