const MAPPED_PREFIX = '::ffff:'

/** Textual client address: IPv4-mapped IPv6 as IPv4, without a zone. '' when the socket is gone already. */
export function clientAddress(address: string | undefined): string {
  if (address === undefined) return ''
  if (address.startsWith(MAPPED_PREFIX) && address.includes('.')) return address.slice(MAPPED_PREFIX.length)
  const zone = address.indexOf('%')
  return zone < 0 ? address : address.slice(0, zone)
}

const KEPT_ADDRESSES = 4096
const known = new Map<number, string>()

/**
 * Textual address of IPv4 in binary, 4 bytes, or mapped into 16; '' for anything else. Most clients come again, so
 * texts are kept.
 */
export function ipv4Address(binary: ArrayBuffer): string {
  const bytes = new Uint8Array(binary)
  const at = bytes.length - 4
  if (at !== 0 && !(at === 12 && isMapped(bytes))) return ''
  const a = bytes[at] ?? 0
  const b = bytes[at + 1] ?? 0
  const c = bytes[at + 2] ?? 0
  const d = bytes[at + 3] ?? 0
  const key = ((a * 256 + b) * 256 + c) * 256 + d
  let text = known.get(key)
  if (text === undefined) {
    if (known.size === KEPT_ADDRESSES) known.clear()
    text = `${a}.${b}.${c}.${d}`
    known.set(key, text)
  }
  return text
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0)
}
