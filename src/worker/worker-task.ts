import type { MessagePort } from 'node:worker_threads'
import type { AccessLogEnd } from '../access-log/index.js'
import type { AdMemory } from '../ads/route/ad-memory.js'
import type { CacheMemory } from '../cache/cache-memory.js'
import type { GatewayConfig, LogLevel } from '../config/types.js'
import type { StorePort } from '../state/kept-state-thread.js'
import type { TelemetryBuffers } from '../telemetry/index.js'
import type { PeerTable } from '../upstream/index.js'

/** What a worker is given when its actor starts: plain data, shared memory, and its doorbell. */
export interface WorkerTask {
  /** Its place on the board and in all else that has a place for each worker. */
  readonly worker: number
  /** Places that there are: more than workers, see `Seats` of the supervisor. */
  readonly seats: number
  readonly config: GatewayConfig
  /** Doorbell both ways: `0` means that there are frames; objects are {@link WorkerMessage}s. In the transfer list. */
  readonly port: MessagePort
  readonly toWorker: SharedArrayBuffer
  readonly toAcceptor: SharedArrayBuffer
  readonly board: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
  readonly telemetry: TelemetryBuffers
  /** Of the {@link PeerTable}. */
  readonly peers: SharedArrayBuffer
  /** Absent: no route has a cache. */
  readonly cache?: CacheMemory
  /** Absent: no route serves ads. */
  readonly ads?: AdMemory
  /** Of the `GcraTable`. */
  readonly rateLimits: SharedArrayBuffer
  readonly clockAnchorMs: number
  /** Absent: no access log. */
  readonly accessLog?: AccessLogEnd | undefined
  /** What this process writes into Via, to know its own requests again. */
  readonly instanceId: string
  /** To the state stores of routes that serve ads. In the transfer list. */
  readonly stores: readonly StorePort[]
}

/** The bell: no content, so that it costs as little as it can. */
export const BELL = 0

/** Control messages beside the bell. */
export type WorkerMessage =
  /** The task has begun, on this thread. */
  | { readonly type: 'running'; readonly threadId: number }
  /** All filters are loaded: sessions may come. */
  | {
      readonly type: 'ready'
      /** Routes whose hits need no worker. */
      readonly hits: readonly number[]
    }
  /** Log from this level on. */
  | { readonly type: 'log-level'; readonly level: LogLevel }
  /** Take a CPU profile of this thread. */
  | { readonly type: 'capture'; readonly durationMs: number }
  /** The profile, or why there is none. */
  | { readonly type: 'captured'; readonly profile: string }
  | { readonly type: 'not-captured'; readonly message: string }
  /** Finish: the actor's task resolves. */
  | { readonly type: 'stop' }

/** How often a worker beats and looks at its mailbox unasked, ms. */
export const BEAT_MS = 100
