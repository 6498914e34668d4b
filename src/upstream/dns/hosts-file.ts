import { readFileSync, statSync } from 'node:fs'
import { isIP, SocketAddress } from 'node:net'
import type { ResolvedAddress } from './types.js'

const SYSTEM_FILE =
  process.platform === 'win32'
    ? `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts'

/** RFC 6761 §6.3: these names are loopback whatever a name server says. */
const LOOPBACK: readonly ResolvedAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
]

/**
 * The system's hosts file, which stands before any name server. Read by ourselves since the name servers are asked without the
 * system's own lookup; read again when it has changed. It is local and small: the calls are synchronous.
 */
export class HostsFile {
  readonly #file: string
  #version = ''
  #names: ReadonlyMap<string, readonly ResolvedAddress[]> = new Map()

  /** @param file default: that of the system */
  constructor(file = SYSTEM_FILE) {
    this.#file = file
  }

  /** Addresses of a name, in the order of the file; empty when it is not in there. */
  find(host: string): readonly ResolvedAddress[] {
    this.#refresh()
    const name = host.toLowerCase().replace(/\.$/, '')
    const found = this.#names.get(name)
    if (found !== undefined) return found
    return name === 'localhost' || name.endsWith('.localhost') ? LOOPBACK : []
  }

  #refresh(): void {
    try {
      const { mtimeMs, size, ino } = statSync(this.#file)
      const version = `${mtimeMs} ${size} ${ino}`
      if (version === this.#version) return
      this.#names = parseHosts(readFileSync(this.#file, 'utf8'))
      this.#version = version
    } catch {
      // No such file is no mistake: there may be none.
      this.#names = new Map()
      this.#version = ''
    }
  }
}

/** `127.0.0.1 localhost alias # comment` per line. Lines that are something else are skipped. */
export function parseHosts(text: string): ReadonlyMap<string, readonly ResolvedAddress[]> {
  const names = new Map<string, ResolvedAddress[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...hosts] = line.replace(/#.*/, '').trim().split(/\s+/)
    const family = isIP(address)
    if (family !== 4 && family !== 6) continue
    const entry: ResolvedAddress = { address: canonical(address, family), family }
    for (const host of hosts) {
      const name = host.toLowerCase()
      const known = names.get(name)
      if (known === undefined) names.set(name, [entry])
      else if (!known.some((other) => other.address === entry.address)) known.push(entry)
    }
  }
  return names
}

/** The one spelling of an address, as sockets report it. */
function canonical(address: string, family: 4 | 6): string {
  if (family === 4 || address.includes('%')) return address
  return new SocketAddress({ address, family: 'ipv6' }).address
}
