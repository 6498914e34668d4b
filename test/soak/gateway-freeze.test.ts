import { expect, it } from 'vitest'
import { freezeExperiment } from '../load/freeze-experiment.js'

it('a freeze of 1.4 s in 30 s shows in what the gateway has measured as in what the generator has', async () => {
  const { report, total } = await freezeExperiment({ ratePerSecond: 300, seconds: 30, freezeMs: 1400 })
  console.log(
    `generator: p99 ${report.response.p99Us} µs, p99.9 ${report.response.p999Us} µs; gateway: p99 ${total.p99Us} µs, p99.9 ${total.p999Us} µs`,
  )
  expect(report.answered).toBe(9000)
  expect(total.count).toBe(9000)
  expect(total.p999Us).toBeGreaterThan(1_300_000)
  expect(total.p99Us).toBeGreaterThan(900_000)
  expect(Math.abs(total.p999Us / report.response.p999Us - 1)).toBeLessThan(0.1)
})
