import { expect, it } from 'vitest'
import { NameResolver } from '#src/upstream/dns/name-resolver.js'
import type { DnsAnswer } from '#src/upstream/dns/types.js'
import { ManualDnsClock, SETTINGS } from './support.js'

const ANSWER: DnsAnswer = { addresses: [{ address: '10.0.0.1', family: 4 }], ttlMs: 5000, lacks: null }

function rig() {
  const clock = new ManualDnsClock()
  const asked: (() => Promise<void>)[] = []
  const names = new NameResolver({
    settings: SETTINGS,
    clock,
    random: () => 0,
    query: () =>
      new Promise((resolve) => {
        asked.push(async () => {
          resolve(ANSWER)
          await new Promise((settled) => setImmediate(settled))
        })
      }),
  })
  return { clock, asked, names }
}

it('a name that was forgotten is not asked for again, until somebody wants it', async () => {
  const { clock, asked, names } = rig()
  names.watch('app.test')
  await asked[0]?.()
  names.forget('app.test')
  expect(clock.pending).toEqual([])
  await clock.advance(60_000)
  expect(asked).toHaveLength(1)
  expect(names.addresses('app.test')).toBeNull()
  names.watch('app.test')
  expect(asked).toHaveLength(2)
})

it('forgotten while an answer is under way: who waits for it gets it, and that was all', async () => {
  const { clock, asked, names } = rig()
  const got: string[] = []
  const changes: string[] = []
  names.onChange((host) => changes.push(host))
  names.resolve('app.test', (_, addresses) => got.push(...addresses.map(({ address }) => address)))
  names.forget('app.test')
  await asked[0]?.()
  expect([got, changes, clock.pending]).toEqual([['10.0.0.1'], [], []])
  expect(names.addresses('app.test')).toBeNull()
})

it('wanted again while the answer is under way, it is kept, and asked for once', async () => {
  const { clock, asked, names } = rig()
  names.watch('app.test')
  names.forget('app.test')
  names.watch('app.test')
  expect(asked).toHaveLength(1)
  await asked[0]?.()
  expect(names.addresses('app.test')).toHaveLength(1)
  expect(clock.pending).toEqual([5000])
})
