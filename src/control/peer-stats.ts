import { now } from '../time/index.js'
import {
  type GuardStats,
  type PeerSnapshot,
  PeerTable,
  readGuard,
  tablePlan,
  targetName,
  targetOf,
} from '../upstream/index.js'
import type { ControlTask } from './control-task.js'

/** One peer in `/stats.json`: its numbers over all workers. */
export interface PeerStats extends Omit<PeerSnapshot, 'row' | 'generation' | 'template' | 'host'> {
  /** `address:port`, or the path of a socket. */
  readonly peer: string
}

export interface UpstreamStats extends GuardStats {
  readonly name: string
  readonly peers: readonly PeerStats[]
}

/** The table of a control task, or null when it has none. */
export function peerTableOf({ peers, workers }: ControlTask): PeerTable | null {
  if (peers === undefined) return null
  return new PeerTable(tablePlan({ workers: { count: workers }, upstreams: peers.upstreams }), peers.table)
}

/** All peers of all upstreams; those of an upstream whose peers are being replaced are missing for a moment. */
export function upstreamStats(task: ControlTask, table: PeerTable | null): UpstreamStats[] {
  if (table === null || task.peers === undefined) return []
  return task.peers.upstreams.map(({ name, peers }, index) => ({
    name,
    ...readGuard(table.guard(index, 0), now()),
    peers: (table.snapshot(index) ?? []).flatMap((snapshot) => {
      const { row, generation, template, host, ...numbers } = snapshot
      const target = targetOf(peers, snapshot)
      return target === null ? [] : [{ peer: targetName(target), ...numbers }]
    }),
  }))
}
