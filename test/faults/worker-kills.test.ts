import { expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { killWorkers, WIDTH } from './kill-workers.js'

conserved()

it('C3 workers that die one after the other cost no more than they had in flight, and the acceptor goes on', {
  timeout: 60_000,
}, async () => {
  const { kills, failures, answered, acceptorLives } = await killWorkers(2_000)
  expect(acceptorLives).toBe(true)
  expect(kills).toBeGreaterThan(3)
  expect(answered).toBeGreaterThan(0)
  expect(failures.others).toEqual([])
  const { inFlight } = failures
  expect(inFlight.length).toBeGreaterThan(0)
  expect(inFlight.length).toBeLessThanOrEqual(kills)
  // No worker can have more than all that are under way: the load, and kills that have not come to their deed.
  for (const sessions of inFlight) expect(sessions).toBeLessThanOrEqual(WIDTH + kills)
  expect(failures.lost).toBeLessThanOrEqual(inFlight.reduce((sum, sessions) => sum + sessions, 0))
})
