import {
  type GatewayProcess,
  type LoadLoop,
  type LoadReport,
  type MockOrigin,
  type OriginPlan,
  runLoad,
  startGatewayProcess,
  startMockOrigin,
} from '../load/index.js'
import { GatewayWatch } from './gateway-watch.js'
import type { SampleRequest } from './parse-request.js'
import { probe, type RequestTrial } from './probe.js'
import { type Interval, steadyWindow } from './steady-window.js'
import type { Measurement, Rig } from './types.js'

/** Where requests end. */
export type TuneUpstream =
  | { readonly kind: 'mock'; readonly plan: OriginPlan }
  /** The peers of the config. */
  | { readonly kind: 'real' }
  /** One address in place of all peers, as `run --upstream` takes it. */
  | { readonly kind: 'url'; readonly url: string }

export interface RigPlan {
  /** Absolute path of the config file. */
  readonly file: string
  readonly upstream: TuneUpstream
  /** Null: as many as it takes until more bring nothing. */
  readonly connections: number | null
  /** Never more requests a second than this; null: as many as there can be. */
  readonly rateCapPerSecond: number | null
  readonly durations: Durations
}

/** Lengths of the parts of one measurement. */
export interface Durations {
  readonly warmUpMs: number
  readonly closedMs: number
  readonly openMs: number
}

/** Share of the throughput that the open loop offers: near enough to the limit to be honest, far enough to be stable. */
const OPEN_SHARE = 0.7
const FEWEST_CONNECTIONS = 64
const MOST_CONNECTIONS = 2048
/** A doubling of the connections has to bring this much. */
const WORTH_MORE_CONNECTIONS = 1.1
const SHORT_WARM_UP_MS = 300
/** Process start and the like, on top of the loops of one measurement. */
const OVERHEAD_MS = 2000

/** The user's gateway in a process of its own, under load of a generator in another. */
export class GatewayRig implements Rig {
  readonly #plan: RigPlan
  readonly #mock: MockOrigin | null
  #requests: readonly SampleRequest[] = []
  #connections = FEWEST_CONNECTIONS

  private constructor(plan: RigPlan, mock: MockOrigin | null) {
    this.#plan = plan
    this.#mock = mock
  }

  /** @throws Error when the mock upstream does not come up. */
  static async open(plan: RigPlan): Promise<GatewayRig> {
    const { upstream } = plan
    return new GatewayRig(plan, upstream.kind === 'mock' ? await startMockOrigin(upstream.plan) : null)
  }

  get connections(): number {
    return this.#connections
  }

  /** How long a measurement takes, about. */
  get expectedMs(): number {
    const { warmUpMs, closedMs, openMs } = this.#plan.durations
    return warmUpMs + closedMs + SHORT_WARM_UP_MS + openMs + OVERHEAD_MS
  }

  /**
   * Sends every request once, keeps those that are answered well, and finds how many connections it takes to find the limit.
   * @param workers the most that will be measured.
   * @throws Error when the gateway does not start.
   */
  async prepare(
    samples: readonly SampleRequest[],
    workers: number,
    onStep: (step: string) => void,
  ): Promise<readonly RequestTrial[]> {
    onStep('trying the requests')
    return this.#withGateway(workers, async (gateway) => {
      const trials = await probe(gateway.url, samples)
      this.#requests = trials.filter(({ usable }) => usable).map(({ request }) => request)
      const { connections, rateCapPerSecond } = this.#plan
      if (connections !== null) this.#connections = connections
      else if (rateCapPerSecond === null && this.#requests.length > 0) await this.#calibrate(gateway, onStep)
      return trials
    })
  }

  measure(workers: number, onStep: (step: string) => void): Promise<Measurement> {
    const { rateCapPerSecond, durations } = this.#plan
    onStep('starting the gateway')
    return this.#withGateway(workers, async (gateway) => {
      onStep(
        rateCapPerSecond === null ? 'closed loop, for the throughput' : `open loop at ${rateCapPerSecond}/s`,
      )
      const loop: LoadLoop =
        rateCapPerSecond === null ? { kind: 'closed' } : { kind: 'open', ratePerSecond: rateCapPerSecond }
      const { closed, intervals } = await this.#watched(gateway, loop)
      const ratePerSecond = Math.floor(closed.perSecond * OPEN_SHARE)
      onStep(`open loop at ${ratePerSecond}/s, for the latency`)
      const open =
        ratePerSecond < 1
          ? null
          : await this.#load(gateway, { kind: 'open', ratePerSecond }, durations.openMs, SHORT_WARM_UP_MS)
      const { residentBytes } = await gateway.sample()
      const trusted = open !== null && open.refusals.length === 0
      return {
        workers,
        perSecond: closed.perSecond,
        ...steadyWindow(intervals),
        residentBytes,
        generatorBusy: closed.generator.cpuShare,
        errors: failedRequests(closed) + (open === null ? 0 : failedRequests(open)),
        latencies: trusted ? { ratePerSecond, ...open.response } : null,
        doubts: open?.refusals ?? [],
      }
    })
  }

  async close(): Promise<void> {
    await this.#mock?.stop()
  }

  async #withGateway<T>(workers: number, use: (gateway: GatewayProcess) => Promise<T>): Promise<T> {
    const { file, upstream } = this.#plan
    const gateway = await startGatewayProcess({
      config: file,
      workers,
      ...(this.#mock !== null && { mockPort: this.#mock.port }),
      ...(upstream.kind === 'url' && { upstream: upstream.url }),
    })
    try {
      return await use(gateway)
    } finally {
      await gateway.stop()
    }
  }

  /** A slow upstream needs many requests at once to keep the workers busy, and too many only wait in line. */
  async #calibrate(gateway: GatewayProcess, onStep: (step: string) => void): Promise<void> {
    const ms = Math.min(1000, this.#plan.durations.closedMs)
    let best = 0
    for (let connections = FEWEST_CONNECTIONS; connections <= MOST_CONNECTIONS; connections *= 2) {
      onStep(`how many connections it takes: ${connections}`)
      const before = this.#connections
      this.#connections = connections
      const report = await this.#load(gateway, { kind: 'closed' }, ms, SHORT_WARM_UP_MS)
      if (report.perSecond < best * WORTH_MORE_CONNECTIONS || failedRequests(report) > 0) {
        this.#connections = before
        return
      }
      best = report.perSecond
    }
  }

  #load(gateway: GatewayProcess, loop: LoadLoop, durationMs: number, warmUpMs: number): Promise<LoadReport> {
    return runLoad({
      url: gateway.url,
      requests: this.#requests,
      loop,
      connections: this.#connections,
      durationMs,
      warmUpMs,
      // What filters make of a body is theirs.
      verifyEvery: 0,
    })
  }

  /** The first loop, with the gateway looked at all the while. */
  async #watched(
    gateway: GatewayProcess,
    loop: LoadLoop,
  ): Promise<{ closed: LoadReport; intervals: Interval[] }> {
    const { warmUpMs, closedMs } = this.#plan.durations
    const watch = new GatewayWatch(gateway)
    await watch.start()
    try {
      const closed = await this.#load(gateway, loop, closedMs, warmUpMs)
      const endMs = performance.now()
      await watch.stop()
      return { closed, intervals: watch.between(endMs - closed.elapsedMs, endMs) }
    } finally {
      await watch.stop()
    }
  }
}

function failedRequests({ errors }: LoadReport): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0)
}
