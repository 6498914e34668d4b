import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer } from '../support/http-client.js'
import { tlsFixture } from '../support/tls-fixtures.js'

const AUTHORITY = tlsFixture('authority.crt')
const CLIENT = { cert: tlsFixture('client.crt').path, key: tlsFixture('client.key').path }

/** Servers and gateways of the whole file. */
const closings: (() => unknown)[] = []
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(async () => {
  for (const close of closings.splice(0).reverse()) await close()
})

interface Handshake {
  readonly servername: string | false | undefined
  readonly isResumed: boolean
  readonly protocol: string | null
  readonly alpn: string | false | null
  readonly client: string | undefined
}

interface Origin {
  /** As a peer over TLS. */
  readonly https: string
  readonly port: number
  /** Those of the test that runs. */
  readonly handshakes: Handshake[]
}

/** An HTTPS server that closes every connection after its answer when told so, and notes the handshakes. */
async function origin(name = 'origin', options: ServerOptions = {}, close = false): Promise<Origin> {
  const pair = { cert: tlsFixture(`${name}.crt`).pem, key: tlsFixture(`${name}.key`).pem }
  const handshakes: Handshake[] = []
  const server = createServer({ ...pair, keepAliveTimeout: 60_000, ...options }, (_, response) => {
    if (close) response.setHeader('connection', 'close')
    response.end('secret')
  })
  server.on('secureConnection', (socket: TLSSocket & { servername?: string | false }) => {
    handshakes.push({
      servername: socket.servername,
      isResumed: socket.isSessionReused(),
      protocol: socket.getProtocol(),
      alpn: socket.alpnProtocol,
      client: socket.getPeerCertificate().subject?.CN?.toString(),
    })
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closings.push(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  const { port } = server.address() as AddressInfo
  return { https: `https://127.0.0.1:${port}`, port, handshakes }
}

/** A server without TLS. */
async function plainOrigin(): Promise<string> {
  const server = createPlainServer((_, response) => void response.end('plain')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closings.push(() => server.close())
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Every kind of server that the tests want, each once. */
async function startOrigins() {
  const only = (version: 'TLSv1.2' | 'TLSv1.3'): ServerOptions => ({
    minVersion: version,
    maxVersion: version,
  })
  const asking = { requestCert: true, rejectUnauthorized: false }
  const [good, expired, selfSigned, short12, short13, refused, asks, strict, old, plain] = await Promise.all([
    origin(),
    origin('expired'),
    origin('localhost'),
    origin('origin', only('TLSv1.2'), true),
    origin('origin', only('TLSv1.3'), true),
    origin('origin', { maxVersion: 'TLSv1.2' }, true),
    origin('origin', asking),
    origin('origin', { requestCert: true, rejectUnauthorized: true, ca: AUTHORITY.pem }),
    origin('origin', { maxVersion: 'TLSv1.2' }),
    plainOrigin(),
  ])
  return { good, expired, selfSigned, short12, short13, refused, asks, strict, old, plain }
}

const outcome = (answer: HttpAnswer) =>
  answer.status === 200 ? answer.body.toString() : [answer.status, answer.headers['proxy-status']]

let origins: Awaited<ReturnType<typeof startOrigins>>
beforeAll(async () => {
  origins = await startOrigins()
})

/** One upstream for each case; the host `NAME.test` leads there. */
function upstreamsTo({ good, expired, selfSigned, asks, ...others }: typeof origins) {
  const ca = AUTHORITY.path
  const pool = { idle: '60s' } as const
  const bare = [`127.0.0.1:${good.port}`]
  return {
    named: { peers: bare, tls: { ca, servername: 'app.test' }, pool },
    'wrong-name': { peers: bare, tls: { ca, servername: 'other.test' } },
    'wrong-address': { peers: bare, tls: { ca, servername: '127.0.0.9' } },
    expired: { peers: [expired.https], tls: { ca } },
    'self-signed': { peers: [selfSigned.https], tls: { ca } },
    untrusted: { peers: [good.https] },
    careless: { peers: [expired.https], tls: { verify: false } },
    'TLSv1.2': { peers: [others.short12.https], tls: { ca } },
    'TLSv1.3': { peers: [others.short13.https], tls: { ca } },
    refused: { peers: [`127.0.0.1:${others.refused.port}`], tls: { ca, servername: 'other.test' } },
    known: { peers: [asks.https], pool, tls: { ca, ...CLIENT } },
    unknown: { peers: [asks.https], pool, tls: { ca } },
    'other-name': { peers: [asks.https], pool, tls: { ca, servername: 'app.test' } },
    strict: { peers: [others.strict.https], tls: { ca } },
    old: { peers: [others.old.https], tls: { ca, minVersion: 'TLSv1.3' as const } },
    plain: { peers: [others.plain], tls: { ca } },
  }
}

describe.each(ACCEPTOR_KINDS)('TLS to upstreams over %s', (acceptor) => {
  let gateway: GatewayProcess
  beforeAll(async () => {
    const upstreams = upstreamsTo(origins)
    const routes = Object.keys(upstreams).map((upstream) => ({
      match: { host: `${upstream.toLowerCase()}.test` },
      upstream,
    }))
    // Whoever is refused is not to be left out for it.
    const ejection = { maxShare: '0%' } as const
    gateway = await GatewayProcess.start({
      workers: 1,
      acceptor,
      upstreams: Object.fromEntries(
        Object.entries(upstreams).map(([name, upstream]) => [name, { ...upstream, ejection }]),
      ),
      routes,
    })
    for (const one of Object.values(origins)) if (typeof one !== 'string') one.handshakes.length = 0
  })
  afterAll(() => gateway.close())

  const from = (upstream: keyof ReturnType<typeof upstreamsTo>): Promise<HttpAnswer> =>
    fetchAnswer(gateway.port, '/', { headers: { host: `${upstream.toLowerCase()}.test` } })

  it('SNI and ALPN are sent, the name is verified, connections are kept', async () => {
    for (let i = 0; i < 3; i += 1) expect(outcome(await from('named'))).toBe('secret')
    expect(origins.good.handshakes).toMatchObject([
      { servername: 'app.test', alpn: 'http/1.1', isResumed: false },
    ])
  })

  it.each([
    ['wrong-name', /altnames/],
    ['wrong-address', /altnames/],
    ['expired', /expired/],
    ['self-signed', /self-signed/],
    ['untrusted', /unable to/],
  ] as const)(
    'what cannot be verified is 502 tls_certificate_error, and the log says why: %s',
    async (name, why) => {
      for (let i = 0; i < 2; i += 1)
        expect(outcome(await from(name))).toEqual([502, 'headgate; error=tls_certificate_error'])
      // The line may take longer than the answer.
      await gateway.log.until(
        (line) => line['reason'] === 'tls_certificate_error' && why.test(line.msg ?? ''),
      )
    },
  )

  it('verify: false takes any certificate', async () => {
    expect(outcome(await from('careless'))).toBe('secret')
  })

  it.each([
    ['TLSv1.2', 'short12'],
    ['TLSv1.3', 'short13'],
  ] as const)('a later connection resumes the session of an earlier one, %s', async (version, server) => {
    for (let i = 0; i < 3; i += 1) expect(outcome(await from(version))).toBe('secret')
    expect(origins[server].handshakes.map(({ isResumed, protocol }) => [isResumed, protocol])).toEqual([
      [false, version],
      [true, version],
      [true, version],
    ])
  })

  it('a session of a peer that was refused is not resumed: it is refused again', async () => {
    for (let i = 0; i < 3; i += 1)
      expect(outcome(await from('refused'))).toEqual([502, 'headgate; error=tls_certificate_error'])
  })

  it('the client certificate is shown, and connections of different identities are never mixed', async () => {
    for (const name of ['known', 'unknown', 'known', 'other-name', 'unknown', 'other-name'] as const)
      expect(outcome(await from(name))).toBe('secret')
    // Three connections for six requests.
    expect(origins.asks.handshakes.map(({ client, servername }) => [client, servername])).toEqual([
      ['client', false],
      [undefined, false],
      [undefined, 'app.test'],
    ])
  })

  it.each([
    ['strict', 'tls_alert_received'],
    ['old', 'tls_alert_received'],
    ['plain', 'tls_protocol_error'],
  ] as const)(
    'an upstream that refuses us sends an alert, one without TLS does not: %s',
    async (name, reason) => {
      expect(outcome(await from(name))).toEqual([502, `headgate; error=${reason}`])
    },
  )
})

describe('verification against the authorities of the system', () => {
  it.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])(
    'run --upstream https://… trusts what %s holds',
    async (variable) => {
      const { port, handshakes } = origins.good
      handshakes.length = 0
      const before = process.env[variable]
      process.env[variable] = AUTHORITY.path
      cleanups.push(() => {
        if (before === undefined) delete process.env[variable]
        else process.env[variable] = before
      })
      const args = ['--upstream', `https://localhost:${port}`]
      const gateway = await GatewayProcess.start({ workers: 1, upstreams: {} }, args)
      cleanups.push(() => gateway.close())
      expect(outcome(await fetchAnswer(gateway.port, '/'))).toBe('secret')
      expect(handshakes).toMatchObject([{ servername: 'localhost' }])
    },
    60_000,
  )

  it('run --upstream https://… refuses what nobody vouches for, and counts it', async () => {
    const { port } = origins.good
    const args = ['--upstream', `https://localhost:${port}`]
    const gateway = await GatewayProcess.start({ workers: 1, upstreams: {} }, args)
    cleanups.push(() => gateway.close())
    expect(outcome(await fetchAnswer(gateway.port, '/'))).toEqual([
      502,
      'headgate; error=tls_certificate_error',
    ])
    const inProcess = await InProcessGateway.start({
      upstreams: { app: { peers: [`https://localhost:${port}`] } },
    })
    cleanups.push(() => inProcess.close())
    await fetchAnswer(inProcess.port, '/')
    await eventually('it is counted', () => inProcess.stats.counters['error:tls_certificate_error'] === 1)
  }, 60_000)
})
