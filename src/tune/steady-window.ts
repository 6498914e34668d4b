/** What the gateway had done, used and waited between two looks at it. */
export interface Interval {
  readonly elapsedMs: number
  readonly requests: number
  readonly cpuUs: number
  readonly preemptions: number
  /** Shares of this interval, 0 to 1. */
  readonly acceptorBusy: number
  /** One a worker. */
  readonly workersBusy: readonly number[]
  /** Cores of the machine that were busy, and how many there are; 0 of 0 where the system does not tell. */
  readonly coresBusy: number
  readonly cores: number
  readonly throttledUs: number
}

/** All that can be said about a steady load. */
export interface Window {
  readonly cpuUsPerRequest: number
  readonly acceptorBusy: number
  readonly workersBusy: number
  readonly grantedShare: number
  readonly machineBusy: number
  readonly throttledShare: number
  readonly preemptionsPerSecond: number
}

/** Below this share of the busiest interval's rate the load was starting or ending. */
const STEADY = 0.5

/** Sums up the intervals in which the load was on. @returns zeros when there was none. */
export function steadyWindow(intervals: readonly Interval[]): Window {
  const rate = ({ requests, elapsedMs }: Interval): number => (elapsedMs > 0 ? requests / elapsedMs : 0)
  const peak = Math.max(0, ...intervals.map(rate))
  const steady = intervals.filter((interval) => peak > 0 && rate(interval) >= peak * STEADY)
  const sum = (value: (interval: Interval) => number): number =>
    steady.reduce((total, interval) => total + value(interval), 0)
  const elapsedMs = sum((interval) => interval.elapsedMs)
  if (elapsedMs === 0) {
    return {
      cpuUsPerRequest: 0,
      acceptorBusy: 0,
      workersBusy: 0,
      grantedShare: 1,
      machineBusy: 0,
      throttledShare: 0,
      preemptionsPerSecond: 0,
    }
  }
  const overTime = (value: (interval: Interval) => number): number =>
    sum((interval) => value(interval) * interval.elapsedMs) / elapsedMs
  const loops = (interval: Interval): number =>
    interval.acceptorBusy + interval.workersBusy.reduce((total, busy) => total + busy, 0)
  const cpuUs = sum((interval) => interval.cpuUs)
  const loopsUs = overTime(loops) * elapsedMs * 1000
  return {
    cpuUsPerRequest: cpuUs / sum((interval) => interval.requests),
    acceptorBusy: overTime((interval) => interval.acceptorBusy),
    workersBusy: overTime(({ workersBusy }) =>
      workersBusy.length === 0
        ? 0
        : workersBusy.reduce((total, busy) => total + busy, 0) / workersBusy.length,
    ),
    grantedShare: loopsUs === 0 ? 1 : Math.min(1, cpuUs / loopsUs),
    machineBusy: overTime(({ coresBusy, cores }) => (cores === 0 ? 0 : coresBusy / cores)),
    throttledShare: Math.min(1, sum((interval) => interval.throttledUs) / (elapsedMs * 1000)),
    preemptionsPerSecond: sum((interval) => interval.preemptions) / (elapsedMs / 1000),
  }
}
