import { expect, it } from 'vitest'
import { killPeers } from '../faults/kill-peers.js'

it('one of three peers dies and comes back for a minute under load: no idempotent request fails', {
  timeout: 180_000,
}, async () => {
  const { kills, requests, failures, retries } = await killPeers(60_000)
  process.stdout.write(`${kills} peers died, ${requests} requests, ${retries} retries\n`)
  expect(failures).toEqual([])
})
