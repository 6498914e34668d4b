import { expect, it } from 'vitest'
import { killGateways } from './gateway-kills.js'

it('F-05, B-48 a gateway is killed in mid-load three times: every reported impression is charged once', {
  timeout: 90_000,
}, async () => {
  const { reported, answered, charged } = await killGateways(3, (round) => 25 + round * 20)
  expect(answered).toBeGreaterThanOrEqual(25 + 45 + 65)
  expect(charged).toBe(reported)
})
