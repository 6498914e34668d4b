import type { LookupAddress } from 'node:dns'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostsFile } from '#src/upstream/dns/hosts-file.js'
import { createQuery } from '#src/upstream/dns/query-name.js'
import type { DnsSettings } from '#src/upstream/dns/types.js'
import { folderWith } from '../config/support.js'
import { DnsServer } from '../support/dns-server.js'
import { SETTINGS } from './support.js'

let server: DnsServer
beforeEach(async () => {
  server = await DnsServer.start()
})
afterEach(() => server.close())

function query(settings: Partial<DnsSettings> = {}, hosts = '') {
  const file = join(folderWith({ hosts }), 'hosts')
  const system = { hosts: new HostsFile(file), lookup: () => Promise.reject(new Error('asked')), servers: [] }
  const ask = createQuery({ ...SETTINGS, servers: [server.address], ...settings }, system)
  return { ask, file }
}

/** One that has no servers of its own, on a machine whose lookup is this. */
function onSystem(lookup: (host: string) => Promise<LookupAddress[]>, settings: Partial<DnsSettings> = {}) {
  const hosts = { find: () => [] }
  return createQuery({ ...SETTINGS, ...settings }, { hosts, lookup, servers: [server.address] })
}

const v4 = (address: string) => ({ address, family: 4 })
const v6 = (address: string) => ({ address, family: 6 })

describe('a lookup', () => {
  it('gives all addresses of both families with the shortest TTL', async () => {
    server.zones['app.test'] = { addresses: ['10.0.0.1', '10.0.0.2', 'fd00::1'], ttlSeconds: 7 }
    expect(await query().ask('app.test', false)).toEqual({
      addresses: [v4('10.0.0.1'), v4('10.0.0.2'), v6('fd00::1')],
      ttlMs: 7000,
      lacks: null,
    })
    expect(server.asked.toSorted()).toEqual(['A app.test', 'AAAA app.test'])
  })

  it.each([
    ['ipv4', [v4('10.0.0.1')], ['A app.test']],
    ['ipv6', [v6('fd00::1')], ['AAAA app.test']],
  ] as const)('with prefer: %s asks for that family alone', async (prefer, addresses, asked) => {
    server.zones['app.test'] = { addresses: ['10.0.0.1', 'fd00::1'] }
    expect(await query({ prefer }).ask('app.test', false)).toMatchObject({ addresses })
    expect(server.asked).toEqual(asked)
  })

  it('takes the other family of a name that has none of the preferred one', async () => {
    server.zones['app.test'] = { addresses: ['fd00::1'] }
    expect(await query({ prefer: 'ipv4' }).ask('app.test', false)).toMatchObject({
      addresses: [v6('fd00::1')],
    })
  })

  it.each([
    ['A3: no such name', { rcode: 3 }, 'error', 'ENOTFOUND'],
    ['A3: a server that fails', { rcode: 2 }, 'error', 'ESERVFAIL'],
    ['a name without addresses', { addresses: [] }, 'error', 'ENODATA'],
    [
      'A3: a server that says nothing',
      { dead: true },
      'timeout',
      expect.stringMatching(/^E(TIMEOUT|CANCELLED)$/),
    ],
    [
      'an answer to another query',
      { addresses: ['10.0.0.1'], wrongId: true },
      'timeout',
      expect.stringMatching(/^E(TIMEOUT|CANCELLED)$/),
    ],
  ] as const)('%s: fails', async (_, zone, failure, code) => {
    server.zones['app.test'] = zone
    const asked = query({ timeoutMs: 300 }).ask('app.test', false)
    await expect(asked).rejects.toMatchObject({ name: 'NameNotResolved', failure, code })
  })

  it('an answer that breaks off within a record is none', async () => {
    server.zones['app.test'] = { addresses: ['10.0.0.1'], mangled: true }
    await expect(query({ timeoutMs: 300 }).ask('app.test', false)).rejects.toThrow(/app\.test/)
  })

  it('asks over TCP when the answer was truncated', async () => {
    const addresses = Array.from({ length: 60 }, (_, index) => `10.0.0.${index}`)
    server.zones['app.test'] = { addresses, truncated: true }
    const answer = await query({ prefer: 'ipv4' }).ask('app.test', false)
    expect(answer.addresses).toHaveLength(60)
    expect(server.asked).toEqual(['A app.test', 'tcp A app.test'])
  })

  it('a dead server costs one try: the next one is asked', async () => {
    const dead = await DnsServer.start({ 'app.test': { dead: true } })
    server.zones['app.test'] = { addresses: ['10.0.0.1'] }
    const { ask } = query({ servers: [dead.address, server.address], timeoutMs: 3000, prefer: 'ipv4' })
    expect(await ask('app.test', false)).toMatchObject({ addresses: [v4('10.0.0.1')] })
    await dead.close()
  })

  it('in a hurry it does not wait for the family that is slow, and says that it lacks it', async () => {
    server.zones['app.test'] = { addresses: ['10.0.0.1', 'fd00::1'], deadTypes: ['AAAA'] }
    expect(await query({ timeoutMs: 60_000 }).ask('app.test', true)).toEqual({
      addresses: [v4('10.0.0.1')],
      ttlMs: 0,
      lacks: 6,
    })
  })

  it('otherwise it waits until its deadline, and keeps the TTL', async () => {
    server.zones['app.test'] = { addresses: ['10.0.0.1'], ttlSeconds: 9, deadTypes: ['AAAA'] }
    expect(await query({ timeoutMs: 300 }).ask('app.test', false)).toEqual({
      addresses: [v4('10.0.0.1')],
      ttlMs: 9000,
      lacks: 6,
    })
  })

  it('one that is slow does not delay another (A3)', async () => {
    const ask = query({ timeoutMs: 20_000 }).ask
    server.zones['fast.test'] = { addresses: ['10.0.0.1'] }
    const slow: Promise<unknown>[] = []
    for (let i = 0; i < 100; i += 1) {
      server.zones[`slow${i}.test`] = { dead: true }
      slow.push(ask(`slow${i}.test`, true).catch(() => 'failed'))
    }
    const first = await Promise.race([ask('fast.test', true).then(() => 'fast'), ...slow])
    expect(first).toBe('fast')
  })
})

describe("the system's own lookup", () => {
  it('is asked for a name that the name servers do not know; its answer has no TTL', async () => {
    const ask = onSystem(async () => [{ address: '10.0.0.7', family: 4 }])
    expect(await ask('app', false)).toEqual({ addresses: [v4('10.0.0.7')], ttlMs: null, lacks: null })
    expect(server.asked).toContain('A app')
  })

  it.each([
    ['a server that fails', { rcode: 2 }],
    ['one that says nothing', { dead: true }],
  ])('is not asked after %s, for it would wait too, in one of four threads', async (_, zone) => {
    server.zones['app.test'] = zone
    let asked = 0
    const ask = onSystem(
      async () => {
        asked += 1
        return []
      },
      { timeoutMs: 300 },
    )
    await expect(ask('app.test', false)).rejects.toThrow()
    expect(asked).toBe(0)
  })

  it('holds two threads at most, also when it was given up', async () => {
    const finish: (() => void)[] = []
    const ask = onSystem(
      (host) =>
        new Promise((resolve) => finish.push(() => resolve([{ address: `10.0.0.${host}`, family: 4 }]))),
      { timeoutMs: 300 },
    )
    const all = await Promise.allSettled(['1', '2', '3', '4'].map((host) => ask(host, false)))
    expect(all.map((it) => (it.status === 'rejected' ? it.reason : null))).toMatchObject(
      Array.from({ length: 4 }, () => ({ failure: 'timeout' })),
    )
    expect(finish).toHaveLength(2)
    const late = ask('5', false)
    for (const done of finish.splice(0)) done()
    await expect.poll(() => finish.length).toBe(1)
    finish[0]?.()
    expect(await late).toMatchObject({ addresses: [v4('10.0.0.5')] })
  })
})

describe('the hosts file', () => {
  it('stands before the name servers, with all its addresses', async () => {
    server.zones['app.test'] = { addresses: ['10.0.0.1'] }
    const { ask } = query(
      {},
      '# nothing\n127.0.0.9 other App.test # x\n0:0:0:0:0:0:0:9\tapp.test\nnonsense app.test\n',
    )
    expect(await ask('app.TEST', false)).toEqual({
      addresses: [v4('127.0.0.9'), v6('::9')],
      ttlMs: null,
      lacks: null,
    })
    expect(server.asked).toEqual([])
  })

  it('is read again when it has changed', async () => {
    const { ask, file } = query({}, '127.0.0.9 app.test\n')
    await ask('app.test', false)
    writeFileSync(file, '127.0.0.10 app.test # another\n')
    expect(await ask('app.test', false)).toMatchObject({ addresses: [v4('127.0.0.10')] })
  })

  it('knows localhost in any case (RFC 6761)', async () => {
    expect(await query().ask('localhost', false)).toMatchObject({ addresses: [v4('127.0.0.1'), v6('::1')] })
    expect(await query({ prefer: 'ipv4' }).ask('a.localhost.', false)).toMatchObject({
      addresses: [v4('127.0.0.1')],
    })
  })
})
