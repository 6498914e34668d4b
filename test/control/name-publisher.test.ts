import { describe, expect, it } from 'vitest'
import { NamePublisher } from '#src/control/name-publisher.js'
import type { PublishedPeer, ResolvedAddress } from '#src/upstream/index.js'
import { effectiveConfig } from '../support/gateway.js'

async function rig() {
  const { upstreams } = await effectiveConfig({
    upstreams: {
      app: { peers: [{ address: 'app.test:80', weight: 2, maxConnections: 7 }, '10.0.0.9:80', 'b.test:80'] },
      once: { peers: ['once.test:80'], retries: { max: 0 } },
    },
    routes: [{ upstream: 'app' }],
  })
  const known = new Map<string, readonly ResolvedAddress[]>()
  const watched: string[] = []
  const published: [number, readonly PublishedPeer[]][] = []
  const tooMany: unknown[] = []
  let tell: (host: string, addresses: readonly ResolvedAddress[]) => void = () => undefined
  new NamePublisher({
    table: {
      publish(upstream, peers) {
        published.push([upstream, peers])
        return 0
      },
    },
    upstreams,
    names: {
      watch: (host) => void watched.push(host),
      addresses: (host) => known.get(host) ?? null,
      onChange(listener) {
        tell = listener
        return () => undefined
      },
    },
    onTooMany: (...what) => void tooMany.push(what),
  }).start()
  const resolve = (host: string, ...addresses: readonly string[]): readonly PublishedPeer[] => {
    const found = addresses.map((address) => ({ address, family: 4 as const }))
    known.set(host, found)
    tell(host, found)
    return published.at(-1)?.[1] ?? []
  }
  return { watched, published, tooMany, resolve }
}

describe('the addresses of names are published', () => {
  it('with weight and limits of their peer each, beside the peers that have an address', async () => {
    const { watched, published, resolve } = await rig()
    expect(watched).toEqual(['app.test', 'b.test'])
    expect(published).toEqual([])
    const peers = resolve('app.test', '10.0.0.1', '10.0.0.2')
    const own = { template: 0, weight: 2, maxConnections: 7, maintenance: false }
    expect(peers).toEqual([
      { ...own, host: '10.0.0.1' },
      { ...own, host: '10.0.0.2' },
      { template: 1, host: '10.0.0.9', weight: 1, maxConnections: 0, maintenance: false },
      { template: 2, host: 'b.test', weight: 1, maxConnections: 0, maintenance: false },
    ])
    expect(resolve('b.test', '10.0.0.3').map(({ host }) => host)).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      '10.0.0.9',
      '10.0.0.3',
    ])
    expect(resolve('app.test').map(({ host }) => host)).toEqual(['app.test', '10.0.0.9', '10.0.0.3'])
    expect(published.every(([upstream]) => upstream === 0)).toBe(true)
  })

  it('of a name that has more of them than rows the same ones each time, and somebody is told', async () => {
    const { tooMany, resolve } = await rig()
    const many = Array.from({ length: 40 }, (_, index) => `10.1.0.${index + 10}`)
    const hosts = (addresses: readonly string[]) => resolve('app.test', ...addresses).map(({ host }) => host)
    const first = hosts(many)
    expect(first).toHaveLength(33 + 2)
    expect(tooMany).toEqual([['app', 'app.test', 7]])
    expect(hosts(many.toReversed())).toEqual(first)
  })
})
