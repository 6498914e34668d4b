/** What upstreams are told about the client, and whom it is believed of. Plain data. */
export interface ForwardingConfig {
  /** Fields that upstreams get. */
  readonly forwarded: 'x-forwarded' | 'forwarded' | 'both' | 'off'
  /** Addresses and networks of proxies before this gateway. Empty: nobody's word is taken. */
  readonly trustedProxies: readonly string[]
  /** The fields that these proxies write. What comes in the others is not believed. */
  readonly trustedFields: 'x-forwarded' | 'forwarded'
  /** Take over the `X-Request-Id` of a trusted proxy. */
  readonly keepRequestId: boolean
  /** Our pseudonym in Via. */
  readonly name: string
  /** How often a request may have come through a gateway of this name before. */
  readonly maxPasses: number
  /** Our id in CDN-Loop (RFC 8586); null: the field is neither written nor looked at. */
  readonly cdnLoop: string | null
}

export const DEFAULT_FORWARDING: ForwardingConfig = {
  forwarded: 'x-forwarded',
  trustedProxies: [],
  trustedFields: 'x-forwarded',
  keepRequestId: false,
  name: 'headgate',
  maxPasses: 5,
  cdnLoop: null,
}
