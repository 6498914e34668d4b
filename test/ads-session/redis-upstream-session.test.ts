import { describe, expect, it } from 'vitest'
import { RedisUpstreamSession, serveAdWithCap } from '#src/ads/index.js'
import { hasRedis, RedisCluster, RedisServer } from '../support/redis-server.js'
import { AD, AskedUpstream, contextOf } from './setup.js'

describe.runIf(hasRedis('RedisUpstreamSession'))('RedisUpstreamSession', () => {
  it('B-40, B-49, B-51, B-63 serves three an hour against a real Redis, under the keys of the seed, all with a TTL', async () => {
    const server = await RedisServer.start()
    const upstream = new AskedUpstream()
    const session = new RedisUpstreamSession({ upstream, redis: { url: server.url, timeoutMs: 10_000 } })
    const asked = { placementId: 'p1', campaignId: 'campaign123', context: contextOf('alice') }
    const answers = []
    for (let count = 0; count < 4; count += 1) answers.push(await serveAdWithCap(session, asked))
    expect(answers).toEqual([AD, AD, AD, null])
    expect(upstream.calls).toHaveLength(3)
    expect(await session.checkFrequencyCap('alice', 'campaign123')).toBe(false)
    const client = await server.client()
    expect(await client.keys('freq:*')).toEqual(['freq:alice:campaign123'])
    expect(await client.pTTL('freq:alice:campaign123')).toBeGreaterThan(3_500_000)
    await session.close()
    expect(await session.healthCheck()).toBe(false)
    await server.stop()
  })

  it('D5, F-13 puts hash tags into its keys on a cluster', async () => {
    const cluster = await RedisCluster.start()
    const redis = { cluster: cluster.urls, timeoutMs: 10_000 }
    const session = new RedisUpstreamSession({ upstream: new AskedUpstream(), redis })
    await session.request({ context: contextOf('alice'), campaignId: 'c1' })
    const keys: string[] = []
    for (const node of cluster.nodes) keys.push(...(await (await node.client()).keys('freq:*')))
    expect(keys).toEqual(['freq:{alice}:c1'])
    await session.close()
    await cluster.stop()
  })
})
