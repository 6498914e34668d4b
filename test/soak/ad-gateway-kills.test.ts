import { expect, it } from 'vitest'
import { killGateways } from '../ads-route/gateway-kills.js'

it('100 gateways on one lmdb folder, each killed in mid-load: every reported impression is charged once', {
  timeout: 1_800_000,
}, async () => {
  const { reported, answered, charged } = await killGateways(100, 2, (round) => 1 + ((round * 37) % 300))
  process.stdout.write(`${answered} of ${reported} impressions were answered before the gateway died\n`)
  expect(charged).toBe(reported)
})
