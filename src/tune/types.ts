/** Latencies of an open loop, from the time a request was due to the last byte of its answer, microseconds. */
export interface Latencies {
  /** Requests a second that were due. */
  readonly ratePerSecond: number
  readonly p50Us: number
  readonly p90Us: number
  readonly p95Us: number
  readonly p99Us: number
  readonly p999Us: number
}

/** One round at one number of workers. Shares are from 0 to 1. */
export interface Measurement {
  readonly workers: number
  /** Answered as expected in the closed loop. */
  readonly perSecond: number
  /** CPU time of the gateway's process per request, all its threads. */
  readonly cpuUsPerRequest: number
  /** Resident memory of the gateway's process at the end. */
  readonly residentBytes: number
  /** Share of time in which the acceptor's event loop was not idle. */
  readonly acceptorBusy: number
  /** The same of the workers' loops, their mean. */
  readonly workersBusy: number
  /** Of the time in which the gateway's loops were busy, the share in which they had a core; 1 when they never waited for one. */
  readonly grantedShare: number
  /** Of all cores that the gateway may run on, whoever used them. */
  readonly machineBusy: number
  /** Share of time in which the CPU quota kept the gateway from running. */
  readonly throttledShare: number
  /** How often a second the kernel took a core away from the gateway. */
  readonly preemptionsPerSecond: number
  /** CPU time of the load generator over time; 1 = a whole core. */
  readonly generatorBusy: number
  /** Requests that failed, in both loops. */
  readonly errors: number
  /** Null when the generator was too busy or too late for its latencies to be believed. */
  readonly latencies: Latencies | null
  /** Why the generator's numbers are not to be taken at their word; empty when they are. */
  readonly doubts: readonly string[]
}

/** All rounds at one number of workers: medians. */
export interface Point extends Measurement {
  readonly rounds: number
  /** Largest minus smallest `perSecond` over their median. */
  readonly spread: number
}

/** What can be measured, at a number of workers: the real gateway, or a model of one in tests. */
export interface Rig {
  /**
   * @param onStep told what is done now, in a few words.
   * @throws Error when it cannot be measured at all.
   */
  measure(workers: number, onStep: (step: string) => void): Promise<Measurement>
}
