import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import type { ConnectTarget, UpstreamTls } from '#src/upstream/http1/types.js'
import { CERTIFICATE, PRIVATE_KEY } from './support/certificate.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
let connector: Http1Connector
let origin: RawOrigin

beforeEach(() => {
  connector = new Http1Connector()
})
afterEach(async () => {
  connector.close()
  expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  await origin.close()
})

async function listen(options: object = {}): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = []
  origin = await RawOrigin.listen(
    async (peer) => {
      sockets.push(peer.socket as TLSSocket)
      for (;;) {
        await peer.head()
        peer.send(OK)
      }
    },
    { tls: { key: PRIVATE_KEY, cert: CERTIFICATE, ...options } },
  )
  return sockets
}

function target(tls: Partial<UpstreamTls> = {}): ConnectTarget {
  const full = { servername: 'localhost', verify: true, ca: CERTIFICATE, ...tls }
  return { ...origin.target, id: JSON.stringify(full), tls: full }
}

describe('TLS towards an upstream', () => {
  it('verifies, sends SNI and ALPN, and keeps the connection alive', async () => {
    const sockets = await listen({ ALPNProtocols: ['http/1.1'] })
    expect((await run(connector, target())).events).toEqual(['connected', 'sent', 'head', 'body', 'end'])
    expect((await run(connector, target())).events[0]).toBe('reused')
    expect(sockets.map((it) => [it.servername, it.alpnProtocol])).toEqual([['localhost', 'http/1.1']])
  })

  it('matches the certificate against servername, not against the address dialled', async () => {
    await listen()
    expect((await run(connector, target({ servername: 'origin.test' }))).body).toBe('ok')
    expect((await run(connector, target({ servername: '127.0.0.1' }))).body).toBe('ok')
  })

  it.each([
    ['an unknown issuer', { servername: 'localhost', verify: true }],
    ['another name', { servername: 'other.test', verify: true, ca: CERTIFICATE }],
  ])('refuses the certificate of %s: 502 tls_certificate_error, nothing sent', async (_, tls) => {
    await listen()
    const { recorder, exchange } = start(connector, { ...origin.target, id: 'bad', tls })
    await recorder.until('over')
    expect(recorder.events).toEqual(['error'])
    expect(recorder.failure).toEqual({
      code: 'HG_CONNECT_FAILED',
      status: 502,
      reason: 'tls_certificate_error',
      retry: 'always',
    })
    expect(exchange.bytesSent).toBe(false)
    expect(origin.peers.every((peer) => peer.received === '')).toBe(true)
  })

  it('takes any certificate when told not to verify', async () => {
    await listen()
    expect(
      (await run(connector, { ...origin.target, id: 'x', tls: { servername: 'other.test', verify: false } }))
        .body,
    ).toBe('ok')
  })

  it('an upstream that speaks no TLS: 502 tls_protocol_error', async () => {
    origin = await RawOrigin.listen((peer) => peer.send(OK))
    expect((await run(connector, target())).failure).toEqual({
      code: 'HG_CONNECT_FAILED',
      status: 502,
      reason: 'tls_protocol_error',
      retry: 'always',
    })
  })

  it('an upstream that closes within the handshake: 502 connection_terminated', async () => {
    origin = await RawOrigin.listen(async (peer) => {
      await peer.take('\x16')
      peer.socket.destroy()
    })
    expect((await run(connector, target())).failure).toMatchObject({
      status: 502,
      reason: 'connection_terminated',
      retry: 'always',
    })
  })

  it('an upstream that refuses our versions: 502 tls_alert_received', async () => {
    await listen({ maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
    expect((await run(connector, target())).failure).toMatchObject({
      status: 502,
      reason: 'tls_alert_received',
    })
  })

  it('shows a client certificate when it has one', async () => {
    const sockets = await listen({ requestCert: true, rejectUnauthorized: true, ca: CERTIFICATE })
    expect((await run(connector, target({ cert: CERTIFICATE, key: PRIVATE_KEY }))).body).toBe('ok')
    expect(sockets[0]?.authorized).toBe(true)
    const without = await run(connector, target())
    expect(without.failure).toMatchObject({ status: 502, reason: 'tls_alert_received' })
  })

  it('resumes the session on the next connection', async () => {
    const sockets = await listen()
    await run(connector, target())
    const both = [start(connector, target()), start(connector, target())]
    await Promise.all(both.map(({ recorder }) => recorder.until('end')))
    expect(sockets.map((it) => it.isSessionReused())).toEqual([false, true])
  })

  it('a key that is none is the configuration’s fault: HG_INTERNAL', async () => {
    await listen()
    const { failure } = await run(connector, target({ cert: 'nonsense', key: 'nonsense' }))
    expect(failure).toMatchObject({ code: 'HG_INTERNAL', retry: 'never' })
  })
})
