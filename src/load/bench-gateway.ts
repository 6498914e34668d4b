import { type GatewayProcess, startGatewayProcess } from './gateway-process.js'
import { startMockOrigin } from './mock-origin.js'
import { cpuUsPerRequest, processUsage } from './process-usage.js'
import { runLoad } from './run-load.js'
import type { LoadLoop, LoadPlan, LoadReport, LoadRequest, MockOrigin, OriginPlan } from './types.js'

/** What `headgate bench` runs. */
export interface BenchPlan {
  /** Absolute path; null: the first of the usual names in the working directory. */
  readonly config: string | null
  /** Origin that stands in for all upstreams; null: the config's own upstreams are asked. */
  readonly mock: OriginPlan | null
  readonly requests: readonly LoadRequest[]
  readonly connections: number
  /** Length of each round. */
  readonly seconds: number
  readonly rounds: number
  /** Requests a second of the open loop; null: half and four fifths of the highest throughput. */
  readonly ratePerSecond: number | null
}

/** One round of one subject. */
export interface BenchRound {
  readonly subject: 'gateway' | 'direct'
  readonly load: 'highest' | '50 %' | '80 %' | 'rate'
  readonly report: LoadReport
  /** CPU of the subject's process per request, microseconds; that of the origin for `direct`. */
  readonly cpuUs: number
  readonly residentBytes: number
}

export interface BenchResult {
  readonly workers: number
  readonly acceptor: 'uws' | 'node'
  readonly rounds: readonly BenchRound[]
}

const WARM_UP_MS = 1000

/**
 * Measures a gateway with the user's own config, and the mock origin without it as the ceiling, round by round in turn: highest
 * throughput in a closed loop first, then latency in an open one.
 * @param onRound told of each round when it is over.
 * @throws Error with the reason when the gateway does not start, or when nothing is answered.
 */
export async function benchGateway(
  plan: BenchPlan,
  onRound: (round: BenchRound) => void,
): Promise<BenchResult> {
  const origin = plan.mock === null ? null : await startMockOrigin(plan.mock)
  let gateway: GatewayProcess | null = null
  try {
    gateway = await startGatewayProcess({
      config: plan.config,
      ...(origin !== null && { mockPort: origin.port }),
    })
    const rounds = await measure(plan, gateway, origin, onRound)
    return { workers: gateway.workers, acceptor: gateway.acceptor, rounds }
  } finally {
    await gateway?.stop()
    await origin?.stop()
  }
}

async function measure(
  plan: BenchPlan,
  gateway: GatewayProcess,
  origin: MockOrigin | null,
  onRound: (round: BenchRound) => void,
): Promise<BenchRound[]> {
  const rounds: BenchRound[] = []
  const run = async (
    subject: BenchRound['subject'],
    load: BenchRound['load'],
    loop: LoadLoop,
  ): Promise<LoadReport> => {
    const { url, pid } = subject === 'direct' && origin !== null ? origin : gateway
    const before = processUsage(pid)
    const report = await runLoad({ ...loadPlan(plan, url), loop })
    const after = processUsage(pid)
    const cpuUs = cpuUsPerRequest(before, after, report.sent)
    const round = { subject, load, report, cpuUs, residentBytes: after.residentBytes }
    rounds.push(round)
    onRound(round)
    return report
  }
  // A second of load, and the code of the gateway is compiled.
  const warm = await runLoad({
    ...loadPlan(plan, gateway.url),
    loop: { kind: 'closed' },
    durationMs: WARM_UP_MS,
  })
  if (warm.answered === 0) throw new Error(`the gateway answered nothing as expected: ${errorsOf(warm)}`)
  let highest = 0
  for (let i = 0; i < plan.rounds; i += 1) {
    if (origin !== null) await run('direct', 'highest', { kind: 'closed' })
    highest = Math.max(highest, (await run('gateway', 'highest', { kind: 'closed' })).perSecond)
  }
  const loads: readonly (readonly [BenchRound['load'], number])[] =
    plan.ratePerSecond === null
      ? [
          ['50 %', highest * 0.5],
          ['80 %', highest * 0.8],
        ]
      : [['rate', plan.ratePerSecond]]
  for (let i = 0; i < plan.rounds; i += 1) {
    for (const [load, ratePerSecond] of loads) {
      const loop: LoadLoop = { kind: 'open', ratePerSecond, arrivals: 'poisson' }
      if (origin !== null) await run('direct', load, loop)
      await run('gateway', load, loop)
    }
  }
  return rounds
}

function loadPlan({ requests, connections, seconds }: BenchPlan, url: string): Omit<LoadPlan, 'loop'> {
  return { url, requests, connections, durationMs: seconds * 1000 }
}

/** `12 status, 3 timeout` */
export function errorsOf({ errors }: LoadReport): string {
  const kinds = Object.entries(errors).filter(([, count]) => count > 0)
  return kinds.map(([kind, count]) => `${count} ${kind}`).join(', ')
}
