import { expect, it } from 'vitest'
import { churn } from '../support/churn.js'

it('C6 threads that store, read, change and purge at once, and die at random, read nothing torn and leak nothing', async () => {
  const report = await churn({
    operations: 300_000,
    mostMs: 5000,
    sizeBytes: 4 * 1024 * 1024,
    keys: 4000,
    workers: 3,
    killEveryMs: 400,
  })
  expect(report.wrong).toEqual([])
  // On a quiet machine a hundred thousand and more.
  expect(report.done).toBeGreaterThan(1000)
  expect(report.killed).toBeGreaterThan(0)
  expect(report.during).toMatchObject({ filling: 0 })
  expect(report.after).toMatchObject({ usedBytes: 0, entries: 0, filling: 0, lingering: 0 })
  expect(report.leads).toBe(0)
}, 60_000)
