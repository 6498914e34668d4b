import { BlockList, isIP, isIPv4 } from 'node:net'

const KEPT_VERDICTS = 4096
const ENTRY = /^([^/]+)(?:\/(\d{1,3}))?$/

/** Whose word about a client is taken: addresses and networks. */
export class TrustedProxies {
  readonly #list = new BlockList()
  readonly #isEmpty: boolean
  /** Proxies come again and again. */
  readonly #known = new Map<string, boolean>()

  /** @param networks as {@link isNetwork} takes them */
  constructor(networks: readonly string[]) {
    this.#isEmpty = networks.length === 0
    for (const network of networks) {
      const [, address = '', bits] = ENTRY.exec(network) ?? []
      const family = isIPv4(address) ? 'ipv4' : 'ipv6'
      if (bits === undefined) this.#list.addAddress(address, family)
      else this.#list.addSubnet(address, Number(bits), family)
    }
  }

  /** @param address IPv6 without brackets; what is no address is not trusted */
  has(address: string): boolean {
    if (this.#isEmpty) return false
    let verdict = this.#known.get(address)
    if (verdict === undefined) {
      const family = isIP(address)
      verdict = family !== 0 && this.#list.check(address, family === 4 ? 'ipv4' : 'ipv6')
      if (this.#known.size === KEPT_VERDICTS) this.#known.clear()
      this.#known.set(address, verdict)
    }
    return verdict
  }
}

/** `10.0.0.0/8`, `2001:db8::/32`, or a single address. */
export function isNetwork(text: string): boolean {
  const [, address = '', bits] = ENTRY.exec(text) ?? []
  const family = isIP(address)
  return family !== 0 && (bits === undefined || Number(bits) <= (family === 4 ? 32 : 128))
}
