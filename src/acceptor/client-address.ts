const MAPPED_PREFIX = '::ffff:'

/** Textual client address: IPv4-mapped IPv6 as IPv4, without a zone. '' when the socket is gone already. */
export function clientAddress(address: string | undefined): string {
  if (address === undefined) return ''
  if (address.startsWith(MAPPED_PREFIX) && address.includes('.')) return address.slice(MAPPED_PREFIX.length)
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}
