import { fileURLToPath } from 'node:url'
import { ChildProcessHandle } from './child.js'

/** Which gateway to start. Plain data. */
export interface GatewayProcessPlan {
  /** Absolute path of the config file; null: the first of the usual names in the working directory. */
  readonly config: string | null
  /** Default: what the config says. */
  readonly workers?: number
  /** Loopback port that takes the place of every peer of every upstream; absent: the config's own peers. */
  readonly mockPort?: number
  /** Address of an upstream that takes the place of every peer, as `run --upstream` takes it. */
  readonly upstream?: string
}

/** What the gateway has done and how busy its acceptor was since the last time it was asked. */
export interface GatewaySample {
  readonly counters: Readonly<Record<string, number>>
  readonly inFlight: number
  /** Share of time in which the acceptor's loop was not idle, 0 to 1, since the last sample. */
  readonly acceptorBusy: number
  /** The same of each worker's loop; 0 of one that is being replaced. */
  readonly workersBusy: readonly number[]
  /** CPU time of the process since its start, all threads, microseconds. */
  readonly cpuUs: number
  readonly residentBytes: number
  /** How often the kernel took a core away from one of its threads since its start. */
  readonly preemptions: number
}

/** A gateway in a process of its own on an ephemeral loopback port, without admin listener and access log. */
export interface GatewayProcess {
  readonly url: string
  readonly pid: number
  readonly workers: number
  readonly acceptor: 'uws' | 'node'
  sample(): Promise<GatewaySample>
  /** Closes at once. */
  stop(): Promise<void>
}

/** @throws Error with the gateway's own words when it does not start. */
export async function startGatewayProcess(plan: GatewayProcessPlan): Promise<GatewayProcess> {
  const child = new ChildProcessHandle(fileURLToPath(new URL('./gateway-main.js', import.meta.url)))
  const started = child.ask('start', plan) as Promise<
    Pick<GatewayProcess, 'workers' | 'acceptor'> & { port: number }
  >
  const { port, workers, acceptor } = await started.catch(async (error: unknown) => {
    await child.stop()
    throw error
  })
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid,
    workers,
    acceptor,
    sample: async () => (await child.ask('sample', null)) as GatewaySample,
    stop: () => child.stop(),
  }
}
