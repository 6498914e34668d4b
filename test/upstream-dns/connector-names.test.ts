import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { NameResolver } from '#src/upstream/dns/index.js'
import { NameNotResolved } from '#src/upstream/dns/name-not-resolved.js'
import type { DnsQuery } from '#src/upstream/dns/types.js'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import type { ConnectTarget } from '#src/upstream/http1/types.js'
import { tlsFixture } from '../support/tls-fixtures.js'
import { run, start } from '../upstream-http1/support/recorder.js'
import { ManualDnsClock, SETTINGS } from './support.js'

const fixture = (name: string) => tlsFixture(name).pem
const ORIGIN = { key: fixture('origin.key'), cert: fixture('origin.crt') }

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Answers every request with the address that it came to; all of 127/8 is loopback on Linux. */
async function origin(host: string, port = 0, tls = false) {
  const sockets: Socket[] = []
  const onSocket = (socket: Socket) => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => {
      const text = bytes.toString('latin1')
      if (text.includes('Content-Length') && !text.endsWith('body')) return
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${host.length}\r\n\r\n${host}`)
    })
  }
  const server: Server | TlsServer = tls ? createTlsServer(ORIGIN, onSocket) : createServer(onSocket)
  server.listen(port, host)
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }
  cleanups.push(close)
  return { port: (server.address() as AddressInfo).port, sockets, close }
}

function setUp(query: DnsQuery) {
  const clock = new ManualDnsClock()
  const names = new NameResolver({ settings: SETTINGS, query, clock, random: () => 0 })
  const connector = new Http1Connector({ names })
  cleanups.push(() => {
    connector.close()
    names.close()
    expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  })
  return { clock, names, connector }
}

/** A query that answers with what is in here. */
function zone(...addresses: string[]) {
  const found = { addresses }
  const query: DnsQuery = async () => ({
    addresses: found.addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    ttlMs: 5000,
    lacks: null,
  })
  return { found, query }
}

const target = (port: number): ConnectTarget => ({ id: `app.test:${port}`, host: 'app.test', port })
const withTls = (port: number): ConnectTarget => ({
  id: `https://app.test:${port}`,
  host: 'app.test',
  port,
  tls: { servername: 'app.test', verify: true, ca: fixture('authority.crt') },
})

/** The bodies of so many requests at once, each over a connection of its own. */
async function together(connector: Http1Connector, to: ConnectTarget, count: number): Promise<string[]> {
  const all = Array.from({ length: count }, () => start(connector, to).recorder)
  await Promise.all(all.map((recorder) => recorder.until('over')))
  return all.map((recorder) => recorder.body)
}

describe('connections to a name', () => {
  it('rotate over all its addresses', async () => {
    const { port } = await origin('127.0.0.1')
    await origin('127.0.0.2', port)
    await origin('127.0.0.3', port)
    const { connector } = setUp(zone('127.0.0.1', '127.0.0.2', '127.0.0.3').query)
    const bodies = await together(connector, target(port), 6)
    expect(bodies.toSorted()).toEqual(['1', '1', '2', '2', '3', '3'].map((it) => `127.0.0.${it}`))
  })

  it.each([
    ['TCP', false, target],
    ['TLS', true, withTls],
  ] as const)('A1: an address that refuses costs no request and is left out, over %s', async (_, tls, to) => {
    const { port } = await origin('127.0.0.2', 0, tls)
    const { connector } = setUp(zone('127.0.0.1', '127.0.0.2').query)
    const answers = await together(connector, to(port), 8)
    expect(new Set(answers)).toEqual(new Set(['127.0.0.2']))
    // Nobody listened there before; now somebody does, and nobody comes: it is out for a while.
    const late = await origin('127.0.0.1', port, tls)
    await together(connector, to(port), 8)
    expect(late.sockets).toEqual([])
  })

  it('over IPv6 when there is no other, and over IPv4 when IPv6 refuses', async () => {
    const { port } = await origin('::1')
    const dual = setUp(zone('127.0.0.1', '::1').query)
    expect(await together(dual.connector, target(port), 2)).toEqual(['::1', '::1'])
    const four = await origin('127.0.0.1')
    const other = setUp(zone('::1', '127.0.0.1').query)
    expect(await together(other.connector, target(four.port), 1)).toEqual(['127.0.0.1'])
  })

  it('an address whose TLS handshake fails is left out too', async () => {
    const plain = await origin('127.0.0.1')
    await origin('127.0.0.2', plain.port, true)
    const { connector } = setUp(zone('127.0.0.1', '127.0.0.2').query)
    expect((await run(connector, withTls(plain.port))).failure?.reason).toBe('tls_protocol_error')
    for (let i = 0; i < 3; i += 1)
      expect(await together(connector, withTls(plain.port), 2)).toEqual(['127.0.0.2', '127.0.0.2'])
    expect(plain.sockets).toHaveLength(1)
  })

  it('all refuse: 502 connection_refused', async () => {
    const { port, close } = await origin('127.0.0.1')
    await close()
    const { connector } = setUp(zone('127.0.0.1', '127.0.0.2').query)
    expect((await run(connector, target(port))).failure).toEqual({
      code: 'HG_CONNECT_FAILED',
      status: 502,
      reason: 'connection_refused',
      retry: 'always',
    })
  })

  it('an address that the name has lost: idle connections end, busy ones when they are done', async () => {
    const one = await origin('127.0.0.1')
    const two = await origin('127.0.0.2', one.port)
    const { found, query } = zone('127.0.0.1')
    const { connector, clock } = setUp(query)
    const to = target(one.port)
    await together(connector, to, 2)
    expect(connector.stats.idle).toBe(2)
    const busy = start(connector, to, { body: { kind: 'length', length: 4 } })
    await busy.recorder.until(() => busy.recorder.events.length > 0)
    const idle = one.sockets.map((socket) => once(socket, 'close'))
    found.addresses = ['127.0.0.2']
    await clock.advance(5000)
    await Promise.race(idle)
    expect(connector.stats).toMatchObject({ idle: 0, active: 1 })
    busy.exchange.write(Buffer.from('body'))
    await busy.recorder.until('over')
    expect(busy.recorder.body).toBe('127.0.0.1')
    await Promise.all(idle)
    expect(await together(connector, to, 1)).toEqual(['127.0.0.2'])
    expect(two.sockets).toHaveLength(1)
  })

  it('connections to an address that stayed are kept', async () => {
    const one = await origin('127.0.0.1')
    const { found, query } = zone('127.0.0.1', '127.0.0.2')
    const { connector, clock } = setUp(query)
    await together(connector, target(one.port), 2)
    const { idle } = connector.stats
    found.addresses = ['127.0.0.1', '127.0.0.3']
    await clock.advance(5000)
    expect(connector.stats.idle).toBe(idle)
  })

  it.each([
    ['dns_error', 502, 'ENOTFOUND', 'HG_CONNECT_FAILED'],
    ['dns_timeout', 504, 'ETIMEOUT', 'HG_TIMEOUT'],
  ])('A3: a name that cannot be resolved: %s, %i', async (reason, status, code, own) => {
    const { connector } = setUp(() => Promise.reject(new NameNotResolved('app.test', code)))
    for (let i = 0; i < 2; i += 1) {
      const { failure } = await run(connector, target(1))
      expect(failure).toEqual({ code: own, status, reason, retry: 'always' })
    }
  })

  it('A3: the first answer is waited for up to the connect timeout: 504 dns_timeout', async () => {
    const { connector } = setUp(() => new Promise(() => undefined))
    const { recorder } = start(connector, target(1), {}, { timeouts: { connectMs: 100 } })
    await recorder.until('over')
    expect(recorder.failure).toMatchObject({ status: 504, reason: 'dns_timeout', retry: 'always' })
  })

  it('TLS: the name is sent and verified, whatever address it has', async () => {
    const { port, sockets } = await origin('127.0.0.2', 0, true)
    const { connector } = setUp(zone('127.0.0.2').query)
    expect(await together(connector, withTls(port), 1)).toEqual(['127.0.0.2'])
    expect((sockets[0] as TLSSocket).servername).toBe('app.test')
  })
})
