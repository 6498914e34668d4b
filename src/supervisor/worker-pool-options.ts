import type { AccessLogEnd } from '../access-log/index.js'
import type { AdMemory } from '../ads/route/ad-memory.js'
import type { CacheMemory } from '../cache/cache-memory.js'
import type { GatewayConfig } from '../config/types.js'
import type { Dispatcher, LinkMemory } from '../dispatch/index.js'
import type { Logger } from '../logging/index.js'
import type { CounterRow, WorkerBoard } from '../memory/index.js'
import type { GatewayCounter } from '../session/counters.js'
import type { StorePort } from '../state/kept-state-thread.js'
import type { TelemetryBuffers } from '../telemetry/index.js'
import type { PeerTable } from '../upstream/index.js'
import type { Seats } from './seats.js'

export interface WorkerPoolOptions {
  readonly config: GatewayConfig
  readonly dispatcher: Dispatcher
  readonly board: WorkerBoard
  readonly countersBuffer: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
  readonly telemetry: TelemetryBuffers
  readonly peers: PeerTable
  /** Absent: no route has a cache. */
  readonly cache?: CacheMemory
  /** Absent: no route serves ads. */
  readonly ads?: AdMemory
  /** What the thread of a worker has left behind in shared memory is put in order; awaited before another takes its place. */
  forget?(worker: number): Promise<void>
  readonly counters: CounterRow<GatewayCounter>
  readonly logger: Logger
  /** Of each seat; absent or empty: no access log. */
  readonly accessLogs?: readonly AccessLogEnd[]
  /** Of the table that all workers count in. Default: one of its own. */
  readonly rateLimits?: SharedArrayBuffer
  /** Where links get their rings. Default: one of its own. */
  readonly linkMemory?: LinkMemory
  /** As in `WorkerTask`. Default ''. */
  readonly instanceId?: string
  /** Ports to the state stores, for one worker. Default: none. */
  readonly storePorts?: () => readonly StorePort[]
  /** How long a worker may take to come up, filters included, ms. Default 20,000. */
  readonly startTimeoutMs?: number
  /** One for each worker. Default: from 0 on. */
  readonly seats?: readonly number[]
  /** Where a successor finds its seat, and the recycled worker's goes; absent: workers are not recycled. */
  readonly spareSeats?: Pick<Seats, 'take' | 'giveBack'>
  /** Every worker has died `workerLimits.failedStarts` times in a row before it was of any use (C4). Called once. */
  onHopeless?(cause: Error): void
  /** The workers get no sessions before `WorkerPool.takeOver`. Default false. */
  readonly standsBy?: boolean
}
