import type { Filter } from '#src/lifecycle/index.js'
import type { Session } from '#src/session/session.js'

type Phases = string[]

/** Notes in the answer which phases ran, and what the cache had said at the start of each. */
const note = (phase: number) => (session: Session, phases: Phases) =>
  void phases.push(`${phase} ${session.cacheResult?.status ?? 'null'}`)

const filter: Filter<Phases> = {
  name: 'phases',
  newCtx: () => [],
  requestFilter: (session, phases) => note(2)(session, phases),
  proxyUpstreamFilter: (session, phases) => note(3)(session, phases),
  upstreamPeer: (session, _, phases) => note(4)(session, phases) as undefined,
  upstreamRequestFilter: (session, _, phases) => note(5)(session, phases),
  upstreamResponseFilter: (session, _, phases) => note(6)(session, phases),
  responseFilter(session, phases) {
    note(7)(session, phases)
    session.respHeaderMut()?.headers.set('x-phases', phases.join(', '))
  },
}

export default filter
