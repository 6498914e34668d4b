import type { Peer } from './session.js'

/** A peer for logs, as one would write it into the configuration: `app:9000`, `[::1]:9000`, `unix:/run/app.sock`; of a name with the address, `app:9000@10.0.0.5`. */
export function peerName({ address, port, name }: Pick<Peer, 'address' | 'port' | 'name'>): string {
  if (port === 0) return `unix:${address}`
  if (name !== undefined) return `${name}:${port}@${address}`
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
