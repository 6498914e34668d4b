import { BlockList, isIP } from 'node:net'

/**
 * What is not the public internet: IANA's special-purpose registries for IPv4 (RFC 6890 and later) and IPv6, multicast and reserved
 * space, and what cloud providers answer on for machines inside (169.254.169.254 and fd00:ec2::254 lie in these ranges; 168.63.129.16 is Azure's).
 */
const IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
] as const

/** Outside of 2000::/3 nothing is global unicast; the translated forms of IPv4 are looked into below. */
const IPV6 = ['::/3', '2001::/23', '2001:db8::/32', '3fff::/20', '4000::/2', '8000::/1'] as const

/** Ranges of both families, apart: a `BlockList` with `::/3` in it would match every IPv4 address, as `::ffff:a.b.c.d`. */
export interface AddressRanges {
  readonly ipv4: BlockList
  readonly ipv6: BlockList
}

const special = addressRanges([...IPV4, ...IPV6])

/**
 * Ranges to check against.
 * @param ranges `10.0.0.0/8`, `fd00::/8`, or single addresses
 * @throws RangeError when one is neither
 */
export function addressRanges(ranges: readonly string[]): AddressRanges {
  const ipv4 = new BlockList()
  const ipv6 = new BlockList()
  for (const range of ranges) {
    const slash = range.indexOf('/')
    const address = slash < 0 ? range : range.slice(0, slash)
    const version = isIP(address)
    const bits = version === 6 ? 128 : 32
    const digits = slash < 0 ? String(bits) : range.slice(slash + 1)
    const prefix = /^\d{1,3}$/.test(digits) ? Number(digits) : -1
    if (version === 0 || prefix < 0 || prefix > bits) {
      throw new RangeError(`'${range}' is no address range`)
    }
    if (version === 6) ipv6.addSubnet(address, prefix, 'ipv6')
    else ipv4.addSubnet(address, prefix, 'ipv4')
  }
  return { ipv4, ipv6 }
}

/** Whether an address is in a range; an IPv4 address that an IPv6 one carries counts as well. */
export function isIn(ranges: AddressRanges, address: string): boolean {
  const bare = bareAddress(address)
  const version = isIP(bare)
  if (version === 4) return ranges.ipv4.check(bare, 'ipv4')
  if (version === 0) return false
  const embedded = embeddedIPv4(bare)
  return ranges.ipv6.check(bare, 'ipv6') || (embedded !== null && ranges.ipv4.check(embedded, 'ipv4'))
}

/**
 * Whether an address is not on the public internet. What is no address counts as one. IPv4-mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) and
 * 6to4 (`2002::/16`) addresses are what their IPv4 address is.
 */
export function isSpecialAddress(address: string): boolean {
  const bare = bareAddress(address)
  const version = isIP(bare)
  if (version === 0) return true
  const ipv4 = version === 4 ? bare : embeddedIPv4(bare)
  return ipv4 === null ? special.ipv6.check(bare, 'ipv6') : special.ipv4.check(ipv4, 'ipv4')
}

/** Without brackets and zone. */
function bareAddress(address: string): string {
  const open = address.startsWith('[') && address.endsWith(']') ? address.slice(1, -1) : address
  const zone = open.indexOf('%')
  return zone < 0 ? open : open.slice(0, zone)
}

function embeddedIPv4(address: string): string | null {
  const groups = groupsOf(address)
  const [g0 = 0, g1 = 0, g2 = 0, g3 = 0, g4 = 0, g5 = 0, g6 = 0, g7 = 0] = groups
  const middle = g2 === 0 && g3 === 0 && g4 === 0
  if (g0 === 0 && g1 === 0 && middle && g5 === 0xffff) return dotted(g6, g7)
  if (g0 === 0x64 && g1 === 0xff9b && middle && g5 === 0) return dotted(g6, g7)
  return g0 === 0x2002 ? dotted(g1, g2) : null
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const dots = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (a = '0', b = '0'): string => ((Number(a) << 8) | Number(b)).toString(16)
  const text = dots === null ? address : `${dots[1]}${hex(dots[2], dots[3])}:${hex(dots[4], dots[5])}`
  const [left = '', right] = text.split('::')
  const parse = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const head = parse(left)
  const tail = right === undefined ? [] : parse(right)
  return [...head, ...Array.from({ length: Math.max(0, 8 - head.length - tail.length) }, () => 0), ...tail]
}
