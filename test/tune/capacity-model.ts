import type { Measurement, Rig } from '#src/tune/types.js'

/** A gateway as queueing theory sees it. */
export interface Capacity {
  readonly cores: number
  /** CPU time per request of the acceptor and of a worker, filters included. */
  readonly acceptorUs: number
  readonly workerUs: number
  /** Of the Universal Scalability Law, among workers. Default 0. */
  readonly contention?: number
  readonly coherency?: number
  /** How long the upstream takes. Default 0. */
  readonly upstreamMs?: number
  /** Default 64. */
  readonly connections?: number
  /** Relative noise of a measurement by its number; default none. */
  readonly noise?: (measurement: number) => number
}

/**
 * Throughput is the least of what the acceptor's one thread, the workers together, the cores, and the clients waiting for the
 * upstream allow; latencies grow as in an M/M/1 queue at 70 % of it.
 */
export class CapacityModel implements Rig {
  readonly measured: number[] = []
  readonly #capacity: Capacity

  constructor(capacity: Capacity) {
    this.#capacity = capacity
  }

  async measure(workers: number, onStep: (step: string) => void): Promise<Measurement> {
    const { cores, acceptorUs, workerUs, contention = 0, coherency = 0 } = this.#capacity
    const { upstreamMs = 0, connections = 64, noise = () => 0 } = this.#capacity
    onStep('model')
    const friction = 1 + contention * (workers - 1) + coherency * workers * (workers - 1)
    const ofAcceptor = 1e6 / acceptorUs
    const ofWorkers = (workers * 1e6) / (workerUs * friction)
    const ofCores = (cores * 1e6) / (acceptorUs + workerUs * friction)
    const serviceMs = (acceptorUs + workerUs) / 1000
    const ofClients = connections / ((upstreamMs + serviceMs) / 1000)
    const perSecond = Math.min(ofAcceptor, ofWorkers, ofCores, ofClients) * (1 + noise(this.measured.length))
    this.measured.push(workers)
    const waits = ofCores < Math.min(ofAcceptor, ofWorkers, ofClients)
    const responseUs = upstreamMs * 1000 + (acceptorUs + workerUs * friction) / (1 - 0.7)
    const usedCores = (perSecond * (acceptorUs + workerUs * friction)) / 1e6
    return {
      workers,
      perSecond,
      cpuUsPerRequest: acceptorUs + workerUs * friction,
      residentBytes: (60 + 20 * workers) * 2 ** 20,
      // A loop that waits for a core looks busy.
      acceptorBusy: waits ? 1 : perSecond / ofAcceptor,
      workersBusy: waits ? 1 : perSecond / ofWorkers,
      grantedShare: waits ? Math.min(1, cores / (workers + 1)) : 1,
      machineBusy: Math.min(1, usedCores / cores),
      throttledShare: 0,
      preemptionsPerSecond: waits ? 500 : 5,
      generatorBusy: 0.3,
      errors: 0,
      latencies: {
        ratePerSecond: perSecond * 0.7,
        p50Us: responseUs,
        p90Us: responseUs * 2.3,
        p95Us: responseUs * 3,
        p99Us: responseUs * 4.6,
        p999Us: responseUs * 6.9,
      },
      doubts: [],
    }
  }
}
