import type { Peer } from './session.js'

/** A peer for logs, as one would write it into the configuration: `app:9000`, `[::1]:9000`, `unix:/run/app.sock`. */
export function peerName({ address, port }: Pick<Peer, 'address' | 'port'>): string {
  if (port === 0) return `unix:${address}`
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
