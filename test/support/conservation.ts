import { afterAll, beforeAll } from 'vitest'
import { REFUSAL_KINDS, type RefusalKind } from '#src/session/counters.js'
import type { GatewayStats } from '#src/supervisor/index.js'
import { collectGarbage } from './collect-garbage.js'
import { eventually } from './eventually.js'
import { type Footprint, footprint } from './footprint.js'

/** Counts of a gateway that the law is about. */
export type Accounts = Pick<GatewayStats, 'inFlight'> & {
  readonly counters: Pick<
    GatewayStats['counters'],
    'requests' | 'answered' | 'aborted' | `refused:${RefusalKind}`
  >
}

/** A gateway that has ended, or is at rest. */
interface Accountable {
  readonly stats: Accounts
}

/** What V8 and the allocator keep of bodies of many megabytes; a leak of bodies comes to more. */
const RSS_ALLOWANCE_BYTES = 400 * 1024 * 1024
/** Descriptors that libuv and the runner open once and keep. */
const DESCRIPTOR_ALLOWANCE = 6

const started: Accountable[] = []

/** Gateways in the process of a test say so, for {@link conserved}. */
export function accountFor(gateway: Accountable): void {
  started.push(gateway)
}

/**
 * C16: requests in = answers + client aborts + counted rejects, and nothing pending. A reject has counters of its own and is none of `requests`, so
 * the gateway's accounts show whether one was forgotten only to who knows how many came.
 * @param sent requests that clients sent, of all kinds. Absent: as many as were counted
 * @returns what is wrong with the accounts, or null
 */
export function imbalance({ counters, inFlight }: Accounts, sent?: number): string | null {
  const { requests, answered, aborted } = counters
  const refused = REFUSAL_KINDS.reduce((sum, kind) => sum + counters[`refused:${kind}`], 0)
  const came = sent ?? requests + refused
  if (inFlight === 0 && requests === answered + aborted && came === requests + refused) return null
  return `${came} requests, but ${answered} answered + ${aborted} aborted + ${refused} refused + ${inFlight} in flight`
}

/**
 * C16 at the end of a file of tests: every gateway that ran in this process has answered or aborted each request it counted and has nothing
 * pending; descriptors are closed, and memory is back. What was refused before it became a request has counters of its own. To be called at
 * the top of the file, before anything is opened.
 */
export function conserved(): void {
  let base: Footprint | null = null
  beforeAll(() => {
    base = footprint()
  })
  // Hooks run in reverse order: those that close gateways and origins come before this one.
  afterAll(async () => {
    for (const gateway of started.splice(0)) {
      const wrong = imbalance(gateway.stats)
      if (wrong !== null) throw new Error(`C16: ${wrong}`)
    }
    // A process at rest keeps what nobody needs any more until something makes it look.
    await collectGarbage()
    if (base !== null) await untilBack('self', base, DESCRIPTOR_ALLOWANCE)
  }, 60_000)
}

/** Waits until a process holds no more than it did. @throws Error that says of what it holds more */
export async function untilBack(pid: number | 'self', base: Footprint, descriptors: number): Promise<void> {
  let now: Footprint | null = null
  const isBack = (): boolean => {
    now = footprint(pid)
    return (
      now === null ||
      (now.descriptors <= base.descriptors + descriptors &&
        now.rssBytes <= base.rssBytes + RSS_ALLOWANCE_BYTES)
    )
  }
  await eventually(`C16 ${JSON.stringify(base)} again`, isBack, 20_000).catch((cause: unknown) => {
    throw new Error(`C16: ${JSON.stringify(now)} is left of what began with ${JSON.stringify(base)}`, {
      cause,
    })
  })
}
