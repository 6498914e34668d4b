import { cgroupThrottledUs } from '../config/cgroup.js'
import { systemReaders } from '../config/machine.js'
import type { GatewayProcess, GatewaySample } from '../load/index.js'
import { CoreTimes } from './core-times.js'
import type { Interval } from './steady-window.js'

const LOOK_MS = 100

/** Looks at a gateway again and again. */
export class GatewayWatch {
  readonly #gateway: GatewayProcess
  readonly #cores = new CoreTimes()
  readonly #intervals: { readonly startMs: number; readonly interval: Interval }[] = []
  #before: { readonly atMs: number; readonly sample: GatewaySample; readonly throttledUs: number } | null =
    null
  #timer: NodeJS.Timeout | null = null
  #stopped = false
  #looking: Promise<void> = Promise.resolve()

  constructor(gateway: GatewayProcess) {
    this.#gateway = gateway
  }

  async start(): Promise<void> {
    await this.#look()
    const again = (): void => {
      if (this.#stopped) return
      this.#timer = setTimeout(() => {
        // A gateway that has died shows in the load's own report.
        this.#looking = this.#look().then(again, () => undefined)
      }, LOOK_MS)
    }
    again()
  }

  /** Intervals that lie between two times; all, where the gateway answered too seldom for one to do so. */
  between(fromMs: number, toMs: number): Interval[] {
    const within = this.#intervals.filter(
      ({ startMs, interval }) => startMs >= fromMs && startMs + interval.elapsedMs <= toMs,
    )
    return (within.length > 0 ? within : this.#intervals).map(({ interval }) => interval)
  }

  /** The look under way is the last. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#looking
  }

  async #look(): Promise<void> {
    const sample = await this.#gateway.sample()
    const now = { atMs: performance.now(), sample, throttledUs: cgroupThrottledUs(systemReaders.readFile) }
    const { busy, cores } = this.#cores.since()
    const before = this.#before
    this.#before = now
    if (before === null) return
    const { acceptorBusy, workersBusy } = sample
    const interval = {
      elapsedMs: now.atMs - before.atMs,
      requests: requestsOf(sample) - requestsOf(before.sample),
      cpuUs: sample.cpuUs - before.sample.cpuUs,
      preemptions: sample.preemptions - before.sample.preemptions,
      acceptorBusy,
      workersBusy,
      coresBusy: busy,
      cores,
      throttledUs: now.throttledUs - before.throttledUs,
    }
    this.#intervals.push({ startMs: before.atMs, interval })
  }
}

function requestsOf({ counters }: GatewaySample): number {
  return counters['requests'] ?? 0
}
