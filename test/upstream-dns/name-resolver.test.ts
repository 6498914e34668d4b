import { describe, expect, it } from 'vitest'
import { NameNotResolved } from '#src/upstream/dns/name-not-resolved.js'
import { NameResolver } from '#src/upstream/dns/name-resolver.js'
import type { DnsAnswer, DnsSettings } from '#src/upstream/dns/types.js'
import { ManualDnsClock, SETTINGS } from './support.js'

interface Asked {
  readonly host: string
  readonly hurry: boolean
  answer(addresses: readonly string[], ttlMs?: number | null, lacks?: 4 | 6 | null): Promise<void>
  fail(code?: string): Promise<void>
}

/** A resolver whose lookups the test answers, with all that it tells. */
function rig(settings: Partial<DnsSettings> = {}, random = 0) {
  const clock = new ManualDnsClock()
  const asked: Asked[] = []
  const changes: [string, string[]][] = []
  const failures: [string, number][] = []
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  const names = new NameResolver({
    settings: { ...SETTINGS, ...settings },
    clock,
    random: () => random,
    onFailure: (failure, _, served) => failures.push([failure.code, served]),
    query: (host, hurry) =>
      new Promise<DnsAnswer>((resolve, reject) => {
        asked.push({
          host,
          hurry,
          answer: (addresses, ttlMs = 5000, lacks = null) => {
            resolve({ addresses: addresses.map(toAddress), ttlMs, lacks })
            return settled()
          },
          fail: (code = 'ESERVFAIL') => {
            reject(new NameNotResolved(host, code))
            return settled()
          },
        })
      }),
  })
  names.onChange((host, addresses) => changes.push([host, addresses.map(({ address }) => address)]))
  const last = () => {
    const query = asked.at(-1)
    if (query === undefined) throw new Error('nothing was asked')
    return query
  }
  /** What `resolve` calls back with within the call; null when it does not. */
  const now = (host: string): string[] | string | null => {
    let result: string[] | string | null = null
    names.resolve(host, (error, addresses) => {
      result = error === null ? addresses.map(({ address }) => address) : error.code
    })
    return result
  }
  return { clock, asked, changes, failures, names, last, now }
}

function toAddress(address: string) {
  return { address, family: address.includes(':') ? (6 as const) : (4 as const) }
}

describe('names that are kept', () => {
  it('concurrent lookups of one name are one; who came before the first answer has it when it comes', async () => {
    const { names, asked, last } = rig()
    const got: (readonly string[])[] = []
    for (let i = 0; i < 100; i += 1)
      names.resolve('app', (_, addresses) => got.push(addresses.map(({ address }) => address)))
    expect(names.addresses('app')).toBe(null)
    expect(asked).toMatchObject([{ host: 'app', hurry: true }])
    await last().answer(['10.0.0.1'])
    expect(got).toHaveLength(100)
    expect(new Set(got.flat())).toEqual(new Set(['10.0.0.1']))
    expect(names.stats).toEqual({ lookups: 1, failures: 0 })
  })

  it('no request waits again: the last answer serves while the name is asked for anew', async () => {
    const { clock, asked, last, now } = rig()
    now('app')
    await last().answer(['10.0.0.1'], 5000)
    await clock.advance(4999)
    expect(asked).toHaveLength(1)
    await clock.advance(1)
    expect(asked).toHaveLength(2)
    expect(last().hurry).toBe(false)
    await clock.advance(100_000)
    expect(now('app')).toEqual(['10.0.0.1'])
    expect(asked).toHaveLength(2)
  })

  it.each([
    ['0', 0, 1000],
    ['5 s', 5000, 5000],
    ['a day', 86_400_000, 300_000],
    ['none', null, 30_000],
  ])('a TTL of %s: is asked for again within the bounds', async (_, ttlMs, expected) => {
    const { clock, last, now } = rig()
    now('app')
    await last().answer(['10.0.0.1'], ttlMs)
    expect(clock.pending).toEqual([expected])
  })

  it('workers do not ask all at the same time: up to a tenth early', async () => {
    const { clock, last, now } = rig({}, 1)
    now('app')
    await last().answer(['10.0.0.1'], 5000)
    expect(clock.pending).toEqual([4500])
  })

  it('tells of changes, and only of changes: another order is none', async () => {
    const { clock, last, now, changes } = rig()
    now('app')
    await last().answer(['10.0.0.1', '10.0.0.2'])
    await clock.advance(5000)
    await last().answer(['10.0.0.2', '10.0.0.1', '10.0.0.2'])
    await clock.advance(5000)
    await last().answer(['10.0.0.2', '10.0.0.3'])
    expect(changes).toEqual([
      ['app', ['10.0.0.1', '10.0.0.2']],
      ['app', ['10.0.0.2', '10.0.0.3']],
    ])
    expect(now('app')).toEqual(['10.0.0.2', '10.0.0.3'])
  })

  it('who is no longer interested in changes hears of none', async () => {
    const { names, last, now } = rig()
    const heard: string[] = []
    const end = names.onChange((host) => heard.push(host))
    end()
    now('app')
    await last().answer(['10.0.0.1'])
    expect(heard).toEqual([])
  })

  it('names do not wait for each other', async () => {
    const { asked, now } = rig()
    now('slow')
    now('fast')
    await asked[1]?.answer(['10.0.0.2'])
    expect([now('slow'), now('fast')]).toEqual([null, ['10.0.0.2']])
  })

  it('a family that could not be asked for keeps what is known of it', async () => {
    const { clock, last, now } = rig()
    now('app')
    await last().answer(['10.0.0.1', 'fd00::1'])
    await clock.advance(5000)
    await last().answer(['10.0.0.2'], 5000, 6)
    expect(now('app')).toEqual(['10.0.0.2', 'fd00::1'])
    await clock.advance(5000)
    await last().answer(['10.0.0.2'], 5000)
    expect(now('app')).toEqual(['10.0.0.2'])
  })
})

describe('A3: names that fail', () => {
  it('the failure is the answer until the next lookup, with growing pauses up to eight times', async () => {
    const { clock, last, now, asked, failures } = rig()
    now('app')
    const pauses: number[] = []
    for (let i = 0; i < 6; i += 1) {
      await last().fail('ENOTFOUND')
      expect(now('app')).toBe('ENOTFOUND')
      const [pause = 0] = clock.pending
      pauses.push(pause)
      await clock.advance(pause)
      // The lookup is under way, and still nobody waits for it.
      expect(now('app')).toBe('ENOTFOUND')
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 8000, 8000])
    expect(asked).toHaveLength(7)
    expect(failures).toHaveLength(6)
    await last().answer(['10.0.0.1'])
    expect(now('app')).toEqual(['10.0.0.1'])
    await clock.advance(5000)
    await last().fail()
    expect(clock.pending).toEqual([1000])
  })

  it('the last good answer serves on for staleIfError beyond its TTL, then no more', async () => {
    const { clock, last, now, changes, failures } = rig({ staleIfErrorMs: 10_000 })
    now('app')
    await last().answer(['10.0.0.1'], 5000)
    // Asked again after 5 s, then after pauses of 1, 2, 4 s, and at the end of the 15 s.
    for (const pause of [5000, 1000, 2000, 4000]) {
      await clock.advance(pause)
      await last().fail('ETIMEOUT')
      expect(now('app')).toEqual(['10.0.0.1'])
    }
    expect(clock.pending).toEqual([3000])
    await clock.advance(3000)
    await last().fail('ETIMEOUT')
    expect(now('app')).toBe('ETIMEOUT')
    expect(changes.at(-1)).toEqual(['app', []])
    expect(failures.map(([, served]) => served)).toEqual([1, 1, 1, 1, 0])
  })

  it('staleIfError: none gives the addresses up with the first failure', async () => {
    const { clock, last, now } = rig({ staleIfErrorMs: 0 })
    now('app')
    await last().answer(['10.0.0.1'], 5000)
    await clock.advance(5000)
    expect(now('app')).toEqual(['10.0.0.1'])
    await last().fail('ENOTFOUND')
    expect(now('app')).toBe('ENOTFOUND')
  })

  it('what a lookup throws that is no answer at all counts as a failure too', async () => {
    const clock = new ManualDnsClock()
    const names = new NameResolver({
      settings: SETTINGS,
      clock,
      query: () => Promise.reject(new TypeError('broken')),
    })
    const error = await new Promise((resolve) => names.resolve('app', resolve))
    expect(error).toMatchObject({ name: 'NameNotResolved', failure: 'error', code: 'EUNKNOWN' })
    expect(clock.pending).toEqual([1000])
  })

  it('after close nothing is asked and nobody called', async () => {
    const { clock, names, asked, changes, last } = rig()
    names.watch('one')
    await last().answer(['10.0.0.1'])
    names.watch('two')
    names.close()
    await last().answer(['10.0.0.2'])
    await clock.advance(1_000_000)
    expect(asked).toHaveLength(2)
    expect(changes).toEqual([['one', ['10.0.0.1']]])
    expect(clock.pending).toEqual([])
  })
})
