import { once } from 'node:events'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { VersionedFilter } from '../reload/support.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { effectiveConfig, InProcessGateway, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'
import { tlsFixture } from '../support/tls-fixtures.js'

conserved()

const LOCALHOST = { cert: tlsFixture('localhost.crt').path, key: tlsFixture('localhost.key').path }
const ORIGIN = { cert: tlsFixture('origin.crt').path, key: tlsFixture('origin.key').path }
const CLIENT = { cert: tlsFixture('client.crt').pem, key: tlsFixture('client.key').pem }
const EXPIRED = { cert: tlsFixture('expired.crt').pem, key: tlsFixture('expired.key').pem }

let origin: HttpOrigin
let filter: VersionedFilter
let told: string[]
let config: TestConfig
beforeEach(async () => {
  told = []
  origin = await HttpOrigin.start((request, response) => {
    const { 'x-forwarded-proto': proto, 'x-forwarded-port': port } = request.headers
    told.push(`${proto} ${port}`)
    response.end('fine')
  })
  filter = new VersionedFilter('')
  filter.writeText(`export default { name: 'who', responseFilter(session) {
    const { headers } = session.respHeaderMut()
    headers.set('x-who', session.scheme() + ' ' + (session.clientCertificate()?.subject ?? 'nobody'))
  } }`)
  config = {
    workers: 1,
    upstreams: { app: { peers: [origin.address] } },
    routes: [
      { match: { path: '/fixed' }, respond: { status: 204 } },
      { upstream: 'app', filters: [filter.path] },
    ],
  }
})
afterEach(async () => {
  filter.remove()
  await origin.close()
})

/** Connects. @throws what the handshake fails with */
async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const given = { host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false, ...options }
  const socket = connect(given)
  socket.on('error', () => undefined)
  await once(socket, 'secureConnect')
  return socket
}

/** The next answer on a connection; '' when it is closed without one. */
async function ask(socket: TLSSocket, path = '/'): Promise<string> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: app.test\r\n\r\n`)
  return await new Promise((resolve) => {
    socket.once('data', (bytes) => resolve(String(bytes)))
    socket.once('close', () => resolve(''))
  })
}

/** Name in the certificate that is shown. */
async function shown(port: number, servername: string): Promise<string> {
  const socket = await handshake(port, { servername })
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

describe.each(ACCEPTOR_KINDS)('TLS towards clients over %s', (acceptor) => {
  it('certificates by server name, the scheme for upstreams and filters, HSTS and a redirect from plain HTTP', async () => {
    const tls = {
      certificates: [LOCALHOST, { ...ORIGIN, hosts: ['app.test', '*.wild.test'] }],
      redirect: '127.0.0.1:0',
      hsts: { maxAge: '1h', includeSubDomains: true, preload: true },
    } satisfies TestConfig['tls']
    const gateway = await InProcessGateway.start({ ...config, acceptor, tls })
    const { port } = gateway
    try {
      const names = ['localhost', 'app.test', 'a.wild.test', 'unknown.test']
      expect(await Promise.all(names.map((name) => shown(port, name)))).toEqual([
        ...['localhost', 'origin', 'origin', 'localhost'],
      ])
      const socket = await handshake(port, { servername: 'app.test', ALPNProtocols: ['http/1.1'] })
      expect(socket.getProtocol()).toBe('TLSv1.3')
      // uws leaves it unanswered, which means the same.
      expect(socket.alpnProtocol).toBe(acceptor === 'node' ? 'http/1.1' : false)
      const answer = await ask(socket)
      expect(answer).toMatch(/^HTTP\/1\.1 200 /)
      expect(answer.toLowerCase()).toContain('x-who: https nobody\r\n')
      expect(answer.toLowerCase()).toContain(
        'strict-transport-security: max-age=3600; includesubdomains; preload\r\n',
      )
      expect(told).toEqual(['https 443'])
      const own = await ask(socket, '/fixed')
      expect(own).toMatch(/^HTTP\/1\.1 204 /)
      expect(own.toLowerCase()).toContain('strict-transport-security: ')
      socket.destroy()
      await expect(handshake(port, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow()

      const plain = await fetchAnswer(gateway.gateway.redirect?.port ?? 0, '/a/b?c=d')
      expect([plain.status, plain.headers.location]).toEqual([308, `https://127.0.0.1:${port}/a/b?c=d`])
    } finally {
      await gateway.close()
    }
  })

  it('asks clients for certificates: filters see who it is, and nobody else comes through', async () => {
    const tls = { certificates: [LOCALHOST], clientAuth: { ca: tlsFixture('authority.crt').path } }
    const gateway = await InProcessGateway.start({ ...config, acceptor, tls })
    try {
      const known = await handshake(gateway.port, CLIENT)
      expect((await ask(known)).toLowerCase()).toContain('x-who: https cn=client\r\n')
      known.destroy()
      // TLS 1.3: the client has finished before the server has seen what it shows.
      for (const options of [{}, EXPIRED]) {
        const answer = await handshake(gateway.port, options).then(ask, () => '')
        expect(answer).not.toMatch(/^HTTP\/1\.1 2/)
      }
      expect(told).toHaveLength(1)
    } finally {
      await gateway.close()
    }
  })

  it('clientAuth.mode: request leaves it to filters who shows no certificate; one that is shown must be good', async () => {
    const clientAuth = { ca: tlsFixture('authority.crt').path, mode: 'request' } as const
    const gateway = await InProcessGateway.start({
      ...config,
      acceptor,
      tls: { certificates: [LOCALHOST], clientAuth },
    })
    try {
      const answers: string[] = []
      for (const options of [{}, CLIENT]) {
        const socket = await handshake(gateway.port, options)
        answers.push((await ask(socket)).toLowerCase())
        socket.destroy()
      }
      expect(answers[0]).toContain('x-who: https nobody\r\n')
      expect(answers[1]).toContain('x-who: https cn=client\r\n')
      expect(await handshake(gateway.port, EXPIRED).then(ask, () => '')).not.toMatch(/^HTTP\/1\.1 2/)
      expect(told).toHaveLength(2)
    } finally {
      await gateway.close()
    }
  })

  it('ciphers are those that are configured, and no others', async () => {
    const ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256'
    const tls = { certificates: [LOCALHOST], ciphers }
    const gateway = await InProcessGateway.start({ ...config, acceptor, tls })
    const maxVersion = 'TLSv1.2'
    try {
      const socket = await handshake(gateway.port, { maxVersion })
      expect(socket.getCipher().name).toBe(ciphers)
      expect(await ask(socket)).toMatch(/^HTTP\/1\.1 200 /)
      socket.destroy()
      const other = handshake(gateway.port, { maxVersion, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' })
      await expect(other).rejects.toThrow(/handshake failure/)
    } finally {
      await gateway.close()
    }
  })

  it('certificates are replaced by a reload; connections that are open go on', async () => {
    const gateway = await InProcessGateway.start({ ...config, acceptor, tls: { certificates: [LOCALHOST] } })
    const { port } = gateway
    try {
      const before = await handshake(port)
      await ask(before)
      const next = await effectiveConfig({ ...config, acceptor, tls: { certificates: [ORIGIN] } })
      await gateway.gateway.reload(next)
      expect(await shown(port, 'localhost')).toBe('origin')
      expect(await ask(before)).toMatch(/^HTTP\/1\.1 200 /)
      before.destroy()
    } finally {
      await gateway.close()
    }
  })
})

it.each([
  [
    'a key of another certificate',
    { cert: LOCALHOST.cert, key: ORIGIN.key },
    'is not the key of the certificate',
  ],
  ['no such file', { cert: '/no/such.crt', key: ORIGIN.key }, "cannot read '/no/such.crt'"],
  ['a key that is none', { cert: LOCALHOST.cert, key: LOCALHOST.cert }, 'there is no private key'],
])('%s is told before anything listens', async (_, certificate, message) => {
  await expect(effectiveConfig({ ...config, tls: { certificates: [certificate] } })).rejects.toThrow(message)
})

it('minVersion: TLSv1.3 over node refuses who speaks TLS 1.2 only', async () => {
  const tls = { certificates: [LOCALHOST], minVersion: 'TLSv1.3' } satisfies TestConfig['tls']
  const gateway = await InProcessGateway.start({ ...config, acceptor: 'node', tls })
  try {
    await expect(handshake(gateway.port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/protocol version/)
    const socket = await handshake(gateway.port)
    expect(socket.getProtocol()).toBe('TLSv1.3')
    expect(await ask(socket)).toMatch(/^HTTP\/1\.1 200 /)
    socket.destroy()
  } finally {
    await gateway.close()
  }
})

it('what uWS cannot do is refused', async () => {
  const tls = { certificates: [LOCALHOST], minVersion: 'TLSv1.3' } satisfies TestConfig['tls']
  await expect(effectiveConfig({ ...config, tls })).rejects.toThrow('speaks TLS 1.2 in any case')
  expect((await effectiveConfig({ ...config, acceptor: 'node', tls })).tls?.minVersion).toBe('TLSv1.3')
})
