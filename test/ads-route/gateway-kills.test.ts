import { expect, it } from 'vitest'
import { killGateways } from './gateway-kills.js'

it('F-05, B-48 a gateway is killed in mid-load three times: every reported impression is charged once', {
  timeout: 90_000,
}, async () => {
  const { reported, answered, charged } = await killGateways(3, 1, (round) => 15 + round * 10)
  expect(answered).toBeGreaterThanOrEqual(15 + 25 + 35)
  expect(charged).toBe(reported)
})
