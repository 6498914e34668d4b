import { describe, expect, it } from 'vitest'
import { redactedConfig } from '#src/control/redacted-config.js'
import { effectiveConfig } from '../support/gateway.js'

const CANARY = 'canary-51f3a2c4d5e6'

describe('B22 the configuration for other eyes', () => {
  it('has no canary of any place where a secret may stand', async () => {
    const config = await effectiveConfig({
      admin: { listen: '127.0.0.1:0', token: `${CANARY}-token` },
      upstreams: {
        app: {
          peers: ['https://10.0.0.1:8443'],
          balance: { algorithm: 'consistent-hash', key: { header: 'x-user' } },
        },
      },
      routes: [
        {
          match: { path: '/secret/*', headers: { 'x-api-key': CANARY }, query: { key: CANARY } },
          upstream: 'app',
          filters: [{ use: 'headers', with: { request: { set: { Authorization: `Bearer ${CANARY}` } } } }],
        },
        {
          match: { path: '/ads/*' },
          adserving: {
            vast: { url: 'https://ads.example/' },
            store: { kind: 'redis', url: `redis://user:${CANARY}@10.0.0.9:6379` },
            user: { secrets: [`${CANARY}-${CANARY}`] },
            events: {
              path: '/ads/event',
              secrets: [`${CANARY}-${CANARY}`],
              sinks: [{ kind: 'http', url: 'https://events.example/', headers: { authorization: CANARY } }],
            },
          },
        },
        { match: { path: '/*' }, upstream: 'app' },
      ],
    })
    const tls = { servername: 'a.test', key: CANARY, cert: CANARY, ca: CANARY }
    const [first] = config.upstreams
    const peers = first?.peers.map((peer) => ({ ...peer, tls })) ?? []
    const headers = [{ name: 'x-api-key', op: 'equals', value: CANARY }]
    const routes = config.routes.map((route) => ({ ...route, match: { ...route.match, headers } }))
    const text = JSON.stringify(
      redactedConfig({
        ...config,
        routes: routes as never,
        upstreams: [{ ...config.upstreams[0], peers }] as never,
      }),
    )
    expect(JSON.stringify(config)).toContain(CANARY)
    expect(text).not.toContain(CANARY)
    for (const kept of ['/secret/*', 'a.test', '10.0.0.1', 'x-user', '"idleMs":'])
      expect(text).toContain(kept)
  })
})
