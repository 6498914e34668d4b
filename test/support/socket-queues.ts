import { readFileSync } from 'node:fs'

/** Local and remote `address:port` in hexadecimal, state, and the two queues, of a line of /proc/net/tcp. */
const LINE =
  /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):([0-9A-F]{8}) /

/**
 * Bytes that the kernel holds for all TCP connections to or from these ports: written and not acknowledged, or received and not
 * read. They count as under way, but not as held by anybody. @returns null where the system does not show them
 */
export function queuedBytes(ports: readonly number[]): number | null {
  const wanted = new Set(ports)
  let total = 0
  try {
    for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
      const match = LINE.exec(line)
      if (match === null) continue
      const [, local = '', remote = '', sending = '', received = ''] = match
      if (!wanted.has(Number.parseInt(local, 16)) && !wanted.has(Number.parseInt(remote, 16))) continue
      total += Number.parseInt(sending, 16) + Number.parseInt(received, 16)
    }
  } catch {
    return null
  }
  return total
}
