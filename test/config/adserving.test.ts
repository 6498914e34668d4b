import { describe, expect, it } from 'vitest'
import { load, problemsOf } from './support.js'

const file = (adserving: object, path = '/ads/*') => ({
  'headgate.json': JSON.stringify({
    upstreams: { app: { peers: ['a:1'] } },
    routes: [{ match: { path }, adserving }, { upstream: 'app' }],
  }),
})
const vast = { url: 'https://ads.example.com/vast' }

describe('adserving in the configuration', () => {
  it('fills in the defaults, and finds the only campaign and the store by itself', async () => {
    const { config } = await load(file({ vast, campaigns: { one: {} } }))
    expect(config.routes[0]).toMatchObject({
      upstream: null,
      adserving: {
        sources: [
          {
            kind: 'vast',
            name: 'vast',
            url: vast.url,
            forward: ['placement_id'],
            unwrap: true,
            maxWrappers: 5,
          },
        ],
        strategy: 'waterfall',
        store: { kind: 'lmdb', path: expect.stringMatching(/^\/.*headgate-state$/), durability: 'disk' },
        campaign: 'one',
        timeoutMs: 5000,
        events: null,
        noFill: { status: 200, errors: [] },
      },
    })
  })

  it.each([
    [{}, "'vast' is missing"],
    [{ vast, openrtb: { url: 'http://b.example/' } }, "there is 'vast' or 'openrtb', not both"],
    [{ vast, campaigns: { a: {}, b: {} } }, "'campaign' is missing, and there is more than one"],
    [{ vast, campaigns: { summer: {} }, campaign: 'sumer' }, "there is no campaign 'sumer'"],
    [
      { vast, campaigns: { a: { caps: [{ max: 3 }] } } },
      "a cap has one of 'every', 'calendar' and 'lifetime'",
    ],
    [{ vast, campaigns: { a: { cpm: 2.5 } } }, 'expected an amount as text, got 2.5'],
    [{ vast, events: { path: '/x', secrets: ['x'.repeat(32)] } }, 'no request for it comes to this route'],
    [{ vast, events: { path: '/ads/e', secrets: ['short'] } }, 'a secret has at least 32 bytes'],
    [{ vast, sources: [{ vast }] }, "there are 'sources' and one beside them"],
    [{ sources: [] }, "'sources' is empty"],
    [{ sources: [{ vast }, {}] }, "'vast' is missing"],
    [
      {
        sources: [
          { name: 'a', vast },
          { name: 'a', vast },
        ],
      },
      "two sources are called 'a'",
    ],
    [
      {
        strategy: 'parallel',
        sources: [{ openrtb: { url: 'http://a/' } }, { openrtb: { url: 'http://b/', currency: 'EUR' } }],
      },
      'bids in several currencies cannot be compared',
    ],
    [{ vast, campaigns: { a: { cpm: '2.00 ABC' } } }, "there is no currency 'ABC'"],
    [
      { vast, events: { path: '/ads/e', secrets: ['x'.repeat(32)], sinks: [{ kind: 'http' }] } },
      "'url' is missing",
    ],
    [{ vast, store: { kind: 'redis-cluster' } }, "'nodes' is missing"],
  ])('B-64, F-31 finds the mistake in %j', async (adserving, message) => {
    const problems = await problemsOf(file(adserving))
    expect(problems.map((problem) => problem.message)).toContain(message)
  })
})
