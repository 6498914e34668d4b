import { expect, it } from 'vitest'
import { conserved } from '../support/conservation.js'
import { killWorkers } from './kill-workers.js'

conserved()

it('C3 workers that die one after the other cost no more than they had in flight, and the acceptor goes on', {
  timeout: 60_000,
}, async () => {
  const { kills, failures, answered, acceptorLives } = await killWorkers(2_000)
  expect(acceptorLives).toBe(true)
  expect(kills).toBeGreaterThan(3)
  expect(answered).toBeGreaterThan(0)
  expect(failures.others).toEqual([])
  expect(failures.lost).toBeLessThanOrEqual(kills * failures.mostInFlight)
})
