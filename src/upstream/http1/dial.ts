import type { LookupFunction, Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { now } from '../../time/index.js'
import type { AddressRotation, NameResolver } from '../dns/index.js'

/**
 * How long an address may take to connect before it is given up for the next one (cf. RFC 8305 §5, which keeps it running). The last
 * one has what is left of the connect timeout.
 */
export const ATTEMPT_MS = 250

/**
 * One connection to a name: which addresses it tries, in which order, and what became of them. Node walks over the addresses (its
 * `autoSelectFamily`), so that an address that refuses costs a round trip and not the attempt of the session.
 */
export class Dial {
  readonly lookup: LookupFunction
  readonly #names: NameResolver
  readonly #host: string
  readonly #rotation: AddressRotation
  #trying = ''

  constructor(names: NameResolver, name: string, rotation: AddressRotation) {
    this.#names = names
    this.#host = name
    this.#rotation = rotation
    this.lookup = (_host, _options, callback) => {
      names.resolve(name, (error, addresses) => {
        // Not from within `connect`: nobody listens to the socket yet.
        process.nextTick(() => {
          if (error !== null) callback(error, '')
          else
            callback(
              null,
              rotation.order(addresses, now()).map((it) => ({ ...it })),
            )
        })
      })
    }
  }

  /** Is there anything known to connect to? */
  get resolved(): boolean {
    return this.#names.addresses(this.#host) !== null
  }

  /** Notes which addresses fail and which one is connected to. @param onOutdated the name has lost that address meanwhile */
  follow(socket: Socket, onOutdated: () => void): void {
    socket.on('connectionAttempt', (address: string) => {
      this.#trying = address
    })
    socket.on('connectionAttemptFailed', (address: string) => this.#rotation.onFailed(address, now()))
    socket.on('connectionAttemptTimeout', (address: string) => this.#rotation.onFailed(address, now()))
    socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      this.#rotation.onConnected(this.#trying)
      const addresses = this.#names.addresses(this.#host)
      if (addresses?.some(({ address }) => address === this.#trying) !== true) onOutdated()
    })
  }

  /** The connection was not made, be it for the TLS handshake. */
  onFailed(): void {
    if (this.#trying !== '') this.#rotation.onFailed(this.#trying, now())
  }
}
