import { createHash } from 'node:crypto'
import type { SnapshotPlace } from '../cache/keeper/index.js'
import type { GatewayConfig } from '../config/types.js'

/**
 * Where the snapshot of a configuration's cache is, and what its answers depend on: with other routes or upstreams another answer may belong to the same URL.
 * @returns null where there is to be none
 */
export function snapshotPlace({ cache, routes, upstreams, tls }: GatewayConfig): SnapshotPlace | null {
  const file = cache?.snapshotFile
  if (file === undefined) return null
  const origins = upstreams.map(({ name, peers }) => [name, peers])
  const said = JSON.stringify([routes, origins, tls !== undefined])
  return { file, mark: createHash('sha256').update(said).digest('hex') }
}
