import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { answerParent } from './child.js'
import { OriginServer } from './origin-server.js'
import type { OriginPlan } from './types.js'

/** Connections of a test come all at once. */
const BACKLOG = 4096

let origin: OriginServer | null = null

// A mock origin's own process: see startMockOrigin().
answerParent({
  start: async (plan) => {
    origin = new OriginServer(plan as OriginPlan)
    origin.server.listen({ host: '127.0.0.1', port: 0, backlog: BACKLOG })
    await once(origin.server, 'listening')
    return { port: (origin.server.address() as AddressInfo).port, bodySha256: origin.bodySha256 }
  },
  counters: () => origin?.counters,
})
