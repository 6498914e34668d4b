import type { Server, ServerOptions } from 'node:http'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { AcceptorTls } from '../tls-options.js'

/** Certificates of a server that may be replaced while it runs. */
export class ServerCertificates {
  #names = new Map<string, SecureContext>()
  #first: SecureContext

  constructor(tls: AcceptorTls) {
    this.#first = this.use(tls)
  }

  /** Connections from now on are served with these. */
  use(tls: AcceptorTls): SecureContext {
    const names = new Map<string, SecureContext>()
    const contexts = tls.certificates.map(({ cert, key, hosts }) => {
      const context = createSecureContext({
        cert,
        key,
        minVersion: tls.minVersion,
        ...(tls.ciphers !== null && { ciphers: tls.ciphers }),
        ...(tls.clientAuth !== null && { ca: tls.clientAuth.ca }),
      })
      for (const host of hosts) if (!names.has(host)) names.set(host, context)
      return context
    })
    const [first = createSecureContext()] = contexts
    this.#names = names
    this.#first = first
    return first
  }

  /** For a server name; '' when the client named none. */
  of(name: string): SecureContext {
    const host = name.toLowerCase()
    return this.#names.get(host) ?? this.#names.get(host.replace(/^[^.]+/, '*')) ?? this.#first
  }
}

/** A server that speaks HTTP/1.1 over TLS. A certificate that was not asked for in vain must be a good one. */
export function createTlsServer(
  options: ServerOptions,
  tls: AcceptorTls,
  certificates: ServerCertificates,
  handshakeTimeout: number,
): Server {
  const [first] = tls.certificates
  const server = createServer({
    ...options,
    cert: first?.cert,
    key: first?.key,
    minVersion: tls.minVersion,
    handshakeTimeout,
    ALPNProtocols: ['http/1.1'],
    SNICallback: (name, done) => done(null, certificates.of(name)),
    ...(tls.ciphers !== null && { ciphers: tls.ciphers }),
    ...(tls.clientAuth !== null && {
      requestCert: true,
      rejectUnauthorized: tls.clientAuth.required,
      ca: tls.clientAuth.ca,
    }),
  })
  return server as unknown as Server
}

/** Has it shown a certificate that no authority of ours has signed, or that is out of date? */
export function showsBadCertificate(socket: TLSSocket): boolean {
  return !socket.authorized && Object.keys(socket.getPeerCertificate()).length > 0
}

/** The bare connections beneath those over TLS, also while the handshake goes on. */
export class HandshakeSet implements Iterable<Socket> {
  readonly #sockets = new Set<Socket>()

  add(socket: Socket): this {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    return this
  }

  [Symbol.iterator](): Iterator<Socket> {
    return this.#sockets.values()
  }
}
