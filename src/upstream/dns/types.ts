/** How names of peers are resolved. Times in milliseconds. */
export interface DnsSettings {
  /** Bounds of the TTL that an answer comes with. */
  readonly minTtlMs: number
  readonly maxTtlMs: number
  /** TTL of answers that come without one: from the hosts file, and from the system's own lookup. */
  readonly defaultTtlMs: number
  /** How long a failure is kept before the name is asked for again; doubles up to eight times with every failure in a row. */
  readonly negativeTtlMs: number
  /** How long beyond its TTL the last good answer serves while the name cannot be resolved; 0 = not at all. */
  readonly staleIfErrorMs: number
  /** Longest a lookup may take, retries at all name servers included. */
  readonly timeoutMs: number
  /** `both`: all addresses of a name; `ipv4`, `ipv6`: those of one family, the others only if it has none. */
  readonly prefer: AddressPreference
  /** `address` or `address:port` of name servers, instead of the system's; empty: the system's. */
  readonly servers: readonly string[]
}

export type AddressPreference = 'both' | 'ipv4' | 'ipv6'

/** One address of a name. */
export interface ResolvedAddress {
  /** Without brackets, in the form that sockets report too. */
  readonly address: string
  readonly family: 4 | 6
}

/** What a lookup has found. */
export interface DnsAnswer {
  /** At least one. */
  readonly addresses: readonly ResolvedAddress[]
  /** As it came, not clamped; null when it came without. */
  readonly ttlMs: number | null
  /** The family that could not be asked for, while the other one answered; what is known of it stays. Null: none. */
  readonly lacks: 4 | 6 | null
}

/**
 * Looks a name up once.
 * @param hurry nobody knows an address of it yet: rather soon than complete
 * @throws NameNotResolved
 */
export type DnsQuery = (host: string, hurry: boolean) => Promise<DnsAnswer>
