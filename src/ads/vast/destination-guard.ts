import { isIP } from 'node:net'
import type { DestinationGuard } from '../upstream/index.js'
import { addressRanges, isIn, isSpecialAddress } from './address-ranges.js'

export interface DestinationGuardOptions {
  /** Ranges that are allowed although they are not public: `10.1.0.0/16` for an ad server of your own. Default: none. */
  readonly allow?: readonly string[]
  /** Public ranges that are refused as well. They win over `allow`. Default: none. */
  readonly block?: readonly string[]
  /** Default 80, 443, 8080 and 8443. */
  readonly ports?: readonly number[] | 'any'
  /** Hosts that may be asked, with their subdomains, when only these may. Default: every host. */
  readonly hosts?: readonly string[]
}

const DEFAULT_PORTS = [80, 443, 8080, 8443]

/**
 * Says where a URL from a document may lead (F-38, C-16): `http:` and `https:` without credentials, allowed ports, and public addresses only: no private,
 * loopback, link-local, multicast or metadata address, also not as IPv4 inside IPv6. Transports ask for the URL of each redirect,
 * and for each address when they connect, after the name was resolved.
 * @throws RangeError when a range is none
 */
export function createDestinationGuard(options: DestinationGuardOptions = {}): DestinationGuard {
  const allowed = addressRanges(options.allow ?? [])
  const blocked = addressRanges(options.block ?? [])
  const ports = options.ports === 'any' ? null : new Set(options.ports ?? DEFAULT_PORTS)
  const hosts = options.hosts?.map((host) => host.toLowerCase())

  const checkAddress = (address: string): string | null => {
    if (isIn(blocked, address)) return `address ${address} is blocked`
    if (isIn(allowed, address) || !isSpecialAddress(address)) return null
    return `address ${address} is not public`
  }

  return {
    checkAddress,
    checkUrl(url) {
      if (url.protocol !== 'http:' && url.protocol !== 'https:')
        return `scheme ${url.protocol} is not allowed`
      if (url.username !== '' || url.password !== '') return 'credentials in a URL are not allowed'
      const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
      if (ports !== null && !ports.has(port)) return `port ${port} is not allowed`
      // A final dot is the same name; URL has brought every way to write an IPv4 address into the usual one.
      const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
      if (hosts !== undefined && !hosts.some((one) => host === one || host.endsWith(`.${one}`))) {
        return `host ${host} is not on the list`
      }
      return isIP(host) === 0 ? null : checkAddress(host)
    },
  }
}
