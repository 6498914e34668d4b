import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const SIZE_BYTES = 64 * 1024 * 1024

it('under churn of ten times its capacity a cache takes no more memory than 1.15 times its size', async () => {
  const script = fileURLToPath(new URL('../support/rss-churn.mjs', import.meta.url))
  const child = fork(script, [String(SIZE_BYTES)], { execArgv: [] })
  const [report] = await once(child, 'message')
  expect(report.evictions).toBeGreaterThan(1000)
  expect(report.usedBytes).toBeGreaterThan(0.9 * SIZE_BYTES)
  expect(report.grownBytes).toBeGreaterThan(0.8 * SIZE_BYTES)
  expect(report.grownBytes).toBeLessThan(1.15 * SIZE_BYTES)
}, 30_000)
