import { expect, it } from 'vitest'
import { killPeers } from './kill-peers.js'

it('one of three peers dies and comes back, again and again: no idempotent request fails', async () => {
  const { kills, requests, failures, retries } = await killPeers(2_600)
  expect(kills).toBeGreaterThanOrEqual(3)
  expect(requests).toBeGreaterThan(100)
  expect(retries).toBeGreaterThan(0)
  expect(failures).toEqual([])
})
