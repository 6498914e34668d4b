import { describe, expect, it } from 'vitest'
import { load, problemsOf } from './support.js'

const yamlOf = (section: string): string => `upstreams: { app: { peers: ['a:1'], ${section} } }\n`

async function upstreamOf(section: string) {
  const { config } = await load({ 'headgate.yaml': yamlOf(section) })
  return config.upstreams[0]
}

async function mistakeOf(section: string) {
  const [problem] = await problemsOf({ 'headgate.yaml': yamlOf(section) })
  return [problem?.path, problem?.message, problem?.hint]
}

describe('balance', () => {
  it.each([
    ['ewma', { algorithm: 'ewma', key: { kind: 'path' }, loadBound: 0 }],
    [
      '{ algorithm: consistent-hash, key: ip }',
      { algorithm: 'consistent-hash', key: { kind: 'ip' }, loadBound: 0 },
    ],
    [
      '{ algorithm: consistent-hash, key: { header: x-user }, loadBound: 125% }',
      { algorithm: 'consistent-hash', key: { kind: 'header', name: 'x-user' }, loadBound: 1.25 },
    ],
    [
      '{ algorithm: consistent-hash, key: { cookie: sid } }',
      { algorithm: 'consistent-hash', key: { kind: 'cookie', name: 'sid' }, loadBound: 0 },
    ],
  ])('%s', async (written, expected) => {
    expect((await upstreamOf(`balance: ${written}`))?.balance).toEqual(expected)
  })

  it('a peer has weight, limit and maintenance beside its address', async () => {
    const yaml =
      'upstreams: { app: { peers: [{ address: a:1, weight: 3, maxConnections: 10 }, { address: b:1, maintenance: true }], balance: random } }\n'
    const { config } = await load({ 'headgate.yaml': yaml })
    expect(config.upstreams[0]?.peers).toEqual([
      { id: 'a:1', host: 'a', port: 1, weight: 3, maxConnections: 10 },
      { id: 'b:1', host: 'b', port: 1, maintenance: true },
    ])
  })

  it.each([
    [
      "peers: ['a:1', { address: b:1, weight: 2 }]",
      ['upstreams.app.peers[1].weight', 'the weight has no effect with round-robin'],
    ],
    [
      "peers: ['a:1'], balance: { algorithm: random, key: ip }",
      ['upstreams.app.balance.key', 'it has no effect with random'],
    ],
    [
      "peers: ['a:1'], balance: { algorithm: random, loadBound: 150% }",
      ['upstreams.app.balance.loadBound', 'it has no effect with random'],
    ],
  ])('says what has no effect: %s', async (written, expected) => {
    const { warnings } = await load({ 'headgate.yaml': `upstreams: { app: { ${written} } }\n` })
    expect(warnings.map(({ code, path, message }) => [code, path, message])).toEqual([
      ['no-effect', ...expected],
    ])
  })

  it.each([
    ['balance: rr', ['upstreams.app.balance']],
    ['balance: { algorithm: consistent-hash, loadBound: 90% }', ['90% is too small', 'at least 101%']],
    ['panicThreshold: 0.5', ['0.5 has no unit', "write '0.5%'"]],
    ['panicThreshold: 101%', ['101% is too large', 'at most 100%']],
    ['panicThreshold: half', ["expected a percentage such as '25%', got 'half'"]],
  ])('refuses %s', async (written, expected) => {
    const mistake = await mistakeOf(written)
    for (const part of expected) expect(mistake).toContain(part)
  })
})

describe('ejection', () => {
  it('none switches a kind of failure off, 0% all of them', async () => {
    const upstream = await upstreamOf(
      'ejection: { connectFailures: none, serverErrors: 7, time: 1s, maxTime: 500ms, maxShare: 0% }',
    )
    expect(upstream?.ejection).toEqual({
      connectFailures: 0,
      gatewayErrors: 5,
      serverErrors: 7,
      timeMs: 1000,
      maxTimeMs: 1000,
      maxShare: 0,
    })
    expect(await mistakeOf('ejection: { serverErrors: 0 }')).toContain(
      "expected a number from 1 or 'none', got 0",
    )
  })
})

describe('health', () => {
  it('has an HTTP check with its defaults', async () => {
    expect((await upstreamOf('health: { path: /health }'))?.health).toEqual({
      check: { kind: 'http', path: '/health', host: null, expectedStatus: [[200, 299]] },
      intervalMs: 5000,
      timeoutMs: 2000,
      healthyAfter: 2,
      unhealthyAfter: 3,
    })
  })

  it.each([
    ['204', [[204, 204]]],
    ['200-399', [[200, 399]]],
    [
      '[2xx, 404]',
      [
        [200, 299],
        [404, 404],
      ],
    ],
  ])('expects %s', async (written, ranges) => {
    const upstream = await upstreamOf(`health: { path: /, host: app.test, expectedStatus: ${written} }`)
    expect(upstream?.health?.check).toMatchObject({ host: 'app.test', expectedStatus: ranges })
  })

  it('has a TCP check', async () => {
    expect((await upstreamOf('health: { tcp: true }'))?.health?.check).toEqual({ kind: 'tcp' })
  })

  it.each([
    ['health: { }', "'path' is missing"],
    ['health: { tcp: true, path: / }', "'path' and 'tcp' exclude each other"],
    ['health: { path: health }', "'health' is not a path"],
    ['health: { path: "/a b" }', "'/a b' is not a path"],
    ['health: { path: /, expectedStatus: 399-200 }', "'399-200' is not a status"],
    ['health: { path: /, host: "a\\r\\nb" }', "'a\r\nb' is not a host"],
  ])('refuses %s', async (written, message) => {
    expect(await mistakeOf(written)).toContain(message)
  })
})
