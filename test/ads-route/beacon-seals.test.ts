import { expect, it } from 'vitest'
import { BeaconSeals } from '#src/ads/route/beacon-seals.js'

const seals = new BeaconSeals({ secrets: ['a secret of beacons, of 32 bytes or more'], validSeconds: 60 })
const LONGEST = 4000

it('tracking URLs that are too many for one token are cut into several, and one that fits into none stays with the player', () => {
  const urls = Array.from({ length: 12 }, (_, at) => `https://t.example/${at}?${'x'.repeat(900)}`)
  const huge = `https://t.example/?${'y'.repeat(5_000)}`
  const { tokens, tooLong } = seals.seal({
    urls: [...urls.slice(0, 5), huge, ...urls.slice(5)],
    values: {},
    withheld: new Set(),
    isScrubbed: true,
  })
  expect(tooLong).toEqual([huge])
  expect(tokens.length).toBeLessThan(urls.length)
  expect(Math.max(...tokens.map(({ length }) => length))).toBeLessThanOrEqual(LONGEST)
  const opened = tokens.map((token) => seals.open(token))
  expect(opened.flatMap((beacons) => beacons?.urls)).toEqual(urls)
  expect(opened.every((beacons) => beacons?.isScrubbed)).toBe(true)
})
