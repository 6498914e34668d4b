import { clientAddress, ipv4Address } from '../client-address.js'
import type { UwsResponse } from './native-types.js'

/**
 * Addresses of the connections' other ends. uWS keeps nothing for a connection and asks the system anew for each request, into a
 * buffer of its own: 1.8 µs, a twenty-fifth of what forwarding a request costs. Behind one load balancer all connections come
 * from one address; as long as that is so, nobody is asked.
 */
export class ClientAddresses {
  /** Where every open connection comes from, or null when they come from several places. */
  #sole: string | null = null

  /** A connection was opened. @param connections that are open now, with this one */
  onOpened(response: UwsResponse, connections: number): void {
    const address = ask(response)
    // What the closed ones were is not known any more: after a second address only an empty house says anything again.
    if (connections === 1) this.#sole = address
    else if (this.#sole !== address) this.#sole = null
  }

  /** Textual address of a request's client. */
  of(response: UwsResponse): string {
    return this.#sole ?? ask(response)
  }
}

function ask(response: UwsResponse): string {
  const address = ipv4Address(response.getRemoteAddress())
  if (address !== '') return address
  return clientAddress(Buffer.from(response.getRemoteAddressAsText()).toString('latin1'))
}
