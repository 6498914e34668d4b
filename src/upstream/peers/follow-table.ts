import type { UpstreamConfig } from '../../config/types-upstream.js'
import { configuredPeers } from './defaults.js'
import type { TablePlan } from './layout.js'
import { PeerTable, type PublishedPeer } from './peer-table.js'

/**
 * The peer table of another configuration. Upstreams of the same name are the same, and so are peers of the same address in them: they
 * keep their health, ejection, failures and latency, a name its addresses, an upstream its breaker.
 * @param upstreams in the order of `plan`, and those of the former table
 */
export function followTable(
  plan: TablePlan,
  upstreams: readonly UpstreamConfig[],
  former: PeerTable,
  formerUpstreams: readonly UpstreamConfig[],
): PeerTable {
  const table = new PeerTable(plan, undefined, former.epochMs)
  for (const [index, { name, peers }] of upstreams.entries()) {
    const formerIndex = formerUpstreams.findIndex((upstream) => upstream.name === name)
    const formerPeers = formerUpstreams[formerIndex]?.peers ?? []
    const entries = (formerIndex < 0 ? null : former.read(formerIndex))?.entries ?? []
    const known = (template: number): typeof entries => {
      const at = formerPeers.findIndex(({ id }) => id === peers[template]?.id)
      return entries.filter((entry) => entry.template === at)
    }
    const published = configuredPeers(peers).flatMap((peer): PublishedPeer[] => {
      const before = known(peer.template)
      return before.length === 0 ? [peer] : before.map(({ host }) => ({ ...peer, host }))
    })
    table.publish(index, published)
    for (const { row, template, host } of table.read(index)?.entries ?? []) {
      const before = known(template).find((entry) => entry.host === host)
      if (before !== undefined) table.adoptPeer([index, row], former, [formerIndex, before.row])
    }
    if (formerIndex >= 0) table.adoptGuard(index, former, formerIndex)
  }
  return table
}
