import { expect, it } from 'vitest'
import { killWorkers, WIDTH } from '../faults/kill-workers.js'

it('C3 a worker dies every 200 ms for a minute: failures ≤ kills × in flight', {
  timeout: 180_000,
}, async () => {
  const { kills, failures, answered, acceptorLives } = await killWorkers(60_000)
  process.stdout.write(
    `${kills} workers died, ${failures.lost} of ${answered + failures.lost} requests were lost\n`,
  )
  expect(acceptorLives).toBe(true)
  expect(failures.others).toEqual([])
  const { inFlight } = failures
  expect(inFlight.length).toBeGreaterThan(3)
  expect(inFlight.length).toBeLessThanOrEqual(kills)
  // No worker can have more than all that are under way: the load, and kills that have not come to their deed.
  for (const sessions of inFlight) expect(sessions).toBeLessThanOrEqual(WIDTH + kills)
  expect(failures.lost).toBeLessThanOrEqual(inFlight.reduce((sum, sessions) => sum + sessions, 0))
})
