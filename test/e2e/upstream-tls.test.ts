import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer, type HttpAnswer } from '../support/http-client.js'
import { tlsFixture } from '../support/tls-fixtures.js'

const AUTHORITY = tlsFixture('authority.crt')
const CLIENT = { cert: tlsFixture('client.crt').path, key: tlsFixture('client.key').path }

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

interface Handshake {
  readonly servername: string | false | undefined
  readonly isResumed: boolean
  readonly protocol: string | null
  readonly alpn: string | false | null
  readonly client: string | undefined
}

/** An HTTPS server that closes every connection after its answer when told so, and notes the handshakes. */
async function origin(name = 'origin', options: ServerOptions = {}, close = false) {
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
  cleanups.push(async () => {
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, handshakes }
}

async function start(config: TestConfig): Promise<GatewayProcess> {
  const gateway = await GatewayProcess.start({ workers: 1, ...config })
  cleanups.push(() => gateway.close())
  return gateway
}

const outcome = (answer: HttpAnswer) =>
  answer.status === 200 ? answer.body.toString() : [answer.status, answer.headers['proxy-status']]

describe.each(ACCEPTOR_KINDS)('TLS to upstreams over %s', (acceptor) => {
  it('SNI and ALPN are sent, the name is verified, connections are kept', async () => {
    const { port, handshakes } = await origin()
    const gateway = await start({
      acceptor,
      upstreams: {
        app: {
          peers: [`127.0.0.1:${port}`],
          tls: { ca: AUTHORITY.path, servername: 'app.test' },
          pool: { idle: '60s' },
        },
      },
    })
    for (let i = 0; i < 3; i += 1) expect(outcome(await fetchAnswer(gateway.port, '/'))).toBe('secret')
    expect(handshakes).toMatchObject([{ servername: 'app.test', alpn: 'http/1.1', isResumed: false }])
  }, 60_000)

  it('what cannot be verified is 502 tls_certificate_error, and the log says why', async () => {
    const [good, expired, selfSigned] = await Promise.all([origin(), origin('expired'), origin('localhost')])
    const ca = AUTHORITY.path
    const cases = {
      'wrong-name': [
        { peers: [`127.0.0.1:${good.port}`], tls: { ca, servername: 'other.test' } },
        /altnames/,
      ],
      'wrong-address': [
        { peers: [`127.0.0.1:${good.port}`], tls: { ca, servername: '127.0.0.9' } },
        /altnames/,
      ],
      expired: [{ peers: [`https://127.0.0.1:${expired.port}`], tls: { ca } }, /expired/],
      'self-signed': [{ peers: [`https://127.0.0.1:${selfSigned.port}`], tls: { ca } }, /self-signed/],
      untrusted: [{ peers: [`https://127.0.0.1:${good.port}`] }, /unable to/],
    } as const
    const names = Object.keys(cases) as (keyof typeof cases)[]
    const gateway = await start({
      acceptor,
      upstreams: Object.fromEntries(
        names.map((name) => [name, { ...cases[name][0], peers: [...cases[name][0].peers] }]),
      ),
      routes: names.map((name) => ({ match: { host: `${name}.test` }, upstream: name })),
    })
    for (const name of names) {
      for (let i = 0; i < 2; i += 1) {
        const answer = await fetchAnswer(gateway.port, '/', { headers: { host: `${name}.test` } })
        expect([name, outcome(answer)]).toEqual([name, [502, 'headgate; error=tls_certificate_error']])
      }
      const lines = gateway.log.having((line) => line['reason'] === 'tls_certificate_error')
      expect(lines.some((line) => cases[name][1].test(line.msg ?? ''))).toBe(true)
    }
  }, 60_000)

  it('verify: false takes any certificate', async () => {
    const { port } = await origin('expired')
    const gateway = await start({
      acceptor,
      upstreams: { app: { peers: [`https://127.0.0.1:${port}`], tls: { verify: false } } },
    })
    expect(outcome(await fetchAnswer(gateway.port, '/'))).toBe('secret')
  }, 60_000)

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a later connection resumes the session of an earlier one, %s',
    async (version) => {
      const { port, handshakes } = await origin('origin', { minVersion: version, maxVersion: version }, true)
      const gateway = await start({
        acceptor,
        upstreams: { app: { peers: [`https://127.0.0.1:${port}`], tls: { ca: AUTHORITY.path } } },
      })
      for (let i = 0; i < 3; i += 1) expect(outcome(await fetchAnswer(gateway.port, '/'))).toBe('secret')
      expect(handshakes.map(({ isResumed, protocol }) => [isResumed, protocol])).toEqual([
        [false, version],
        [true, version],
        [true, version],
      ])
    },
    60_000,
  )

  it('a session of a peer that was refused is not resumed: it is refused again', async () => {
    const { port } = await origin('origin', { maxVersion: 'TLSv1.2' }, true)
    const gateway = await start({
      acceptor,
      upstreams: {
        app: { peers: [`127.0.0.1:${port}`], tls: { ca: AUTHORITY.path, servername: 'other.test' } },
      },
    })
    for (let i = 0; i < 3; i += 1)
      expect(outcome(await fetchAnswer(gateway.port, '/'))).toEqual([
        502,
        'headgate; error=tls_certificate_error',
      ])
  }, 60_000)

  it('the client certificate is shown, and connections of different identities are never mixed', async () => {
    const { port, handshakes } = await origin('origin', { requestCert: true, rejectUnauthorized: false })
    const peers = [`https://127.0.0.1:${port}`]
    const pool = { idle: '60s' } as const
    const ca = AUTHORITY.path
    const gateway = await start({
      acceptor,
      upstreams: {
        known: { peers, pool, tls: { ca, ...CLIENT } },
        unknown: { peers, pool, tls: { ca } },
        named: { peers, pool, tls: { ca, servername: 'app.test' } },
      },
      routes: ['known', 'unknown', 'named'].map((name) => ({
        match: { host: `${name}.test` },
        upstream: name,
      })),
    })
    for (const name of ['known', 'unknown', 'known', 'named', 'unknown', 'named']) {
      const answer = await fetchAnswer(gateway.port, '/', { headers: { host: `${name}.test` } })
      expect(outcome(answer)).toBe('secret')
    }
    // Three connections for six requests.
    expect(handshakes.map(({ client, servername }) => [client, servername])).toEqual([
      ['client', false],
      [undefined, false],
      [undefined, 'app.test'],
    ])
  }, 60_000)

  it('an upstream that refuses us sends an alert: tls_alert_received; one without TLS: tls_protocol_error', async () => {
    const strict = await origin('origin', { requestCert: true, rejectUnauthorized: true, ca: AUTHORITY.pem })
    const old = await origin('origin', { maxVersion: 'TLSv1.2' })
    const plain = createPlainServer((_, response) => void response.end('plain')).listen(0, '127.0.0.1')
    await once(plain, 'listening')
    cleanups.push(() => plain.close())
    const ca = AUTHORITY.path
    const at = (port: number) => [`https://127.0.0.1:${port}`]
    const gateway = await start({
      acceptor,
      upstreams: {
        strict: { peers: at(strict.port), tls: { ca } },
        old: { peers: at(old.port), tls: { ca, minVersion: 'TLSv1.3' } },
        plain: { peers: at((plain.address() as AddressInfo).port), tls: { ca } },
      },
      routes: ['strict', 'old', 'plain'].map((name) => ({ match: { host: `${name}.test` }, upstream: name })),
    })
    for (const [name, reason] of [
      ['strict', 'tls_alert_received'],
      ['old', 'tls_alert_received'],
      ['plain', 'tls_protocol_error'],
    ]) {
      const answer = await fetchAnswer(gateway.port, '/', { headers: { host: `${name}.test` } })
      expect([name, outcome(answer)]).toEqual([name, [502, `headgate; error=${reason}`]])
    }
  }, 60_000)
})

describe('verification against the authorities of the system', () => {
  it.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])(
    'run --upstream https://… trusts what %s holds',
    async (variable) => {
      const { port, handshakes } = await origin()
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
    const { port } = await origin()
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
