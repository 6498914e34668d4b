import { describe, expect, it } from 'vitest'
import { checkAdRoute } from '#src/ads/route/index.js'
import { runCli } from '../cli/support.js'
import { folderWith, load } from '../config/support.js'

const SECRET = 'a secret of the tests, long enough to sign with'
const vast = { url: 'https://ads.example.com/vast?cb=[CACHEBUSTING]' }
const imp = [{ id: '1', video: {} }]

const yaml = (adserving: object): Record<string, string> => ({
  'headgate.json': JSON.stringify({
    upstreams: { app: { peers: ['a:1'] } },
    routes: [{ match: { path: '/ads/*' }, adserving }, { upstream: 'app' }],
  }),
})

async function problemsOf(adserving: object): Promise<string[]> {
  const { config } = await load(yaml(adserving))
  const [route] = config.routes
  if (route?.adserving === undefined) throw new Error('no route')
  return checkAdRoute(route.adserving).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('checkAdRoute', () => {
  it.each<[string, object, string[]]>([
    ['what is right', { vast, openrtb: undefined, campaigns: { a: { cpm: '2.00', budget: '1.00' } } }, []],
    [
      'a macro that is like no other, which may be of the ad server',
      { vast: { url: 'http://a/?x=[QQQQQQ]' } },
      [],
    ],
    ['custom macros', { vast: { url: 'http://a/?x=[SITE]' }, macros: { custom: { SITE: 'x' } } }, []],
    [
      'a misspelt macro',
      { vast: { url: 'http://a/?x=[CACHEBUSTIN]' } },
      ['vast.url: there is no macro [CACHEBUSTIN]'],
    ],
    [
      'one that is open',
      { vast: { url: 'http://a/?x=[TIMESTAMP&y=1' } },
      ['vast.url: the macro [TIMESTAMP is not closed'],
    ],
    [
      'one in lower case, in a parameter',
      { vast: { url: 'http://a/', params: { t: '[timestamp]' } } },
      ['vast.params.t: [timestamp] is no macro'],
    ],
    [
      'one without a meaning there',
      { vast: { url: 'http://a/?e=[ERRORCODE]' }, noFill: { errors: ['http://e/?c=[ERRORCODE]'] } },
      ['vast.url: the macro [ERRORCODE] has no meaning in an ad request'],
    ],
    [
      'a custom macro that no template can hold',
      { vast, macros: { custom: { 'my-site': 'x' } } },
      ["macros.custom.my-site: 'my-site' is no macro name: use A-Z, 0-9 and _"],
    ],
    [
      'a price of bids that nobody makes, or not in the currency of the budget',
      { vast, campaigns: { a: { price: 'bid', budget: '1.00' } } },
      ['campaigns.a.price: no source bids'],
    ],
    [
      'a price of bids in another currency than the budget',
      {
        openrtb: { url: 'http://b/', currency: 'EUR', request: { imp } },
        campaigns: { a: { price: 'bid', budget: '1.00' } },
      },
      ['campaigns.a.price: the budget is in USD, and nobody bids in it: nothing would be served'],
    ],
    [
      'a cap per what the campaign does not have',
      { vast, campaigns: { a: { caps: [{ max: 1, every: '1h', per: ['advertiser'] }] } } },
      ["campaigns.a.caps.0: it counts per advertiser, and the campaign has no 'advertiser'"],
    ],
    [
      'a flight that ends before it starts, and one beside a daily budget',
      {
        vast,
        campaign: 'a',
        campaigns: {
          a: { budget: '1.00', flight: { start: '2026-02-01', end: '2026-01-01' } },
          b: { budget: '1.00', dailyBudget: '1.00', flight: { start: '2026-01-01', end: '2026-02-01' } },
        },
      },
      [
        "campaigns.a: campaign 'a': a flight must end after it starts",
        "campaigns.b.flight: there are 'flight' and 'dailyBudget'",
      ],
    ],
    ['no impression', { openrtb: { url: 'http://b/' } }, ["openrtb.request: the bid request has no 'imp'"]],
    [
      'impressions that nobody can bid for',
      {
        openrtb: {
          url: 'http://b/',
          request: { imp: [{ id: 1, video: {} }, { id: 'a' }, { id: 'a', banner: {} }] },
        },
      },
      [
        "openrtb.request.imp.0: an impression needs an 'id', as text",
        'openrtb.request.imp.1: an impression offers no format',
        "openrtb.request.imp.2: two impressions have the id 'a'",
      ],
    ],
    [
      'the second of several sources',
      { sources: [{ vast }, { name: 'b', vast: { url: 'http://a/?x=[CACHEBUSTIN]' } }] },
      ['sources.1.vast.url: there is no macro [CACHEBUSTIN]'],
    ],
    [
      'currencies of a campaign that do not agree',
      { vast, campaigns: { a: { cpm: '2.00 EUR', budget: '1.00' } } },
      ["campaigns.a: 'cpm' is in EUR, 'budget' in USD: nothing would be served"],
    ],
    [
      'a cap beyond what a window can count',
      { vast, campaigns: { a: { caps: [{ max: 5000, every: '1h', rolling: true }] } } },
      ['campaigns.a.caps.0: a cap must be a whole number from 0 to 1000, not 5000'],
    ],
    [
      'two caps that are one',
      {
        vast,
        campaigns: {
          a: {
            caps: [
              { max: 3, every: '1h' },
              { max: 5, every: '1h' },
            ],
          },
        },
      },
      ["campaigns.a: campaign 'a': two rules '3600s' count the same: give one another name"],
    ],
    [
      'a range that is none',
      { vast, guard: { allow: ['10.0.0.0/40'] } },
      ["guard: '10.0.0.0/40' is no address range"],
    ],
    [
      'a secret that is there twice',
      { vast, events: { path: '/ads/e', secrets: [SECRET, SECRET] } },
      [expect.stringMatching(/^events\.secrets: two keys are called/)],
    ],
  ])('finds %s', async (_, adserving, expected) => {
    expect(await problemsOf(adserving)).toEqual(expected)
  })

  it('openrtb with what it needs is right', async () => {
    expect(await problemsOf({ openrtb: { url: 'http://b/', request: { imp } } })).toEqual([])
  })
})

describe('headgate check', () => {
  const file = (adserving: string): string => `upstreams: { app: { peers: ['a:1'] } }
routes:
  - match: { path: /ads/* }
    adserving:
${adserving}
  - upstream: app
`
  it.each([
    [
      'a misspelt macro',
      "      vast: { url: 'http://a/?x=[CACHEBUSTIN]' }",
      /headgate\.yaml:5:20: error: .*there is no macro \[CACHEBUSTIN\][\s\S]*did you mean '\[CACHEBUSTING\]'/,
    ],
    [
      'a missing secret',
      "      vast: { url: 'http://a/' }\n      events: { path: /ads/e }",
      /headgate\.yaml:6:15: error: .*secrets/,
    ],
    [
      'an unknown setting of consent',
      "      vast: { url: 'http://a/' }\n      consent: { requires: true }",
      /headgate\.yaml:6:18: error: [\s\S]*did you mean 'require'/,
    ],
    [
      'a bad template',
      "      openrtb: { url: 'http://b/', request: { imp: [{ id: x }] } }",
      /headgate\.yaml:5:53: error: .*offers no format/,
    ],
  ])('ends with 78 and the position of %s', async (_, adserving, message) => {
    const { code, stdout, stderr } = await runCli(['check'], {
      cwd: folderWith({ 'headgate.yaml': file(adserving) }),
    })
    expect(stdout + stderr).toMatch(message)
    expect(code).toBe(78)
  })
})
