import { expect, it } from 'vitest'
import { killWorkers } from '../faults/kill-workers.js'

it('C3 a worker dies every 200 ms for a minute: failures ≤ kills × in flight', {
  timeout: 180_000,
}, async () => {
  const { kills, failures, answered, acceptorLives } = await killWorkers(60_000)
  process.stdout.write(
    `${kills} workers died, ${failures.lost} of ${answered + failures.lost} requests were lost\n`,
  )
  expect(acceptorLives).toBe(true)
  expect(failures.others).toEqual([])
  expect(failures.lost).toBeLessThanOrEqual(kills * failures.mostInFlight)
})
