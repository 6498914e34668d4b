import { lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { DestinationGuard } from '../upstream/transport.js'

/** What the connector reports as `destination_ip_prohibited`. */
class ProhibitedAddress extends Error {
  readonly code = 'EACCES'
}

/**
 * A lookup that only gives addresses the guard lets through, right before the connection is made: the address that was checked is the one that is
 * connected to.
 */
export function guardedLookup(guard: DestinationGuard): LookupFunction {
  return (host, options, callback) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '')
      let why = 'the name has no address'
      const allowed = addresses.filter(({ address, family }) => {
        const refusal = guard.checkAddress(address, family === 6 ? 6 : 4)
        why = refusal ?? why
        return refusal === null
      })
      const [first] = allowed
      if (first === undefined) return callback(new ProhibitedAddress(`destination refused: ${why}`), '')
      if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}
