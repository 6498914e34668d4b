import type { MessagePort } from 'node:worker_threads'
import type { GatewayConfig } from '../config/types.js'
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
  /** Of the {@link PeerTable}. */
  readonly peers: SharedArrayBuffer
  /** Of the `GcraTable`. */
  readonly rateLimits: SharedArrayBuffer
  readonly clockAnchorMs: number
  /** What this process writes into Via, to know its own requests again. */
  readonly instanceId: string
}

/** The bell: no content, so that it costs as little as it can. */
export const BELL = 0

/** Control messages beside the bell. */
export type WorkerMessage =
  /** The task has begun, on this thread. */
  | { readonly type: 'running'; readonly threadId: number }
  /** All filters are loaded: sessions may come. */
  | { readonly type: 'ready' }
  /** Finish: the actor's task resolves. */
  | { readonly type: 'stop' }

/** How often a worker beats and looks at its mailbox unasked, ms. */
export const BEAT_MS = 100
