import type { EventLoopUtilization } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import type { CommandResult } from '../control/index.js'
import type { WorkerLink } from '../dispatch/index.js'
import type { RestartReason, WorkerBoard } from '../memory/index.js'
import { Backoff } from './backoff.js'

/** One place in the pool: the actor that runs there now, and what came before it. */
export interface Place {
  /** Its seat. */
  readonly worker: number
  readonly backoff: Backoff
  link: WorkerLink | null
  port: MessagePort | null
  threadId: number
  /** Its event loop when it was asked about last, and on which thread. */
  loop: { readonly threadId: number; readonly seen: EventLoopUtilization } | null
  ready: boolean
  readyAtMs: number
  /** Factor to the greatest age, so that not all go at once. */
  readonly lifespan: number
  beats: number
  beatAtMs: number
  /** Why the supervisor ended the thread, if it did. */
  reason: string | null
  /** The same for counting. */
  cause: RestartReason | null
  restart: NodeJS.Timeout | null
  /** How often in a row its actor has died before it was of any use. */
  failedStarts: number
  /** Told once what became of the first start; null when that is known. */
  onFirst: ((error: Error | null) => void) | null
  /** It gets no new sessions and nobody follows it here. */
  retiring: boolean
  /** Whoever waits for a profile of the thread. */
  onCaptured: ((result: CommandResult) => void) | null
  /** Settled when the current actor's task is over. */
  task: Promise<void>
}

export function newPlace(worker: number, onFirst: (error: Error | null) => void): Place {
  return {
    worker,
    backoff: new Backoff(),
    link: null,
    port: null,
    threadId: -1,
    loop: null,
    ready: false,
    readyAtMs: 0,
    lifespan: 0.9 + Math.random() / 5,
    beats: 0,
    beatAtMs: 0,
    reason: null,
    cause: null,
    restart: null,
    failedStarts: 0,
    onFirst,
    retiring: false,
    onCaptured: null,
    task: Promise.resolve(),
  }
}

/** The next silence of the worker is counted from `inMs` from now. */
export function expectBeat(place: Place, board: WorkerBoard, inMs: number): void {
  place.beats = board.beats(place.worker)
  place.beatAtMs = performance.now() + inMs
}

/** A worker that lived this long was of use, whatever ended it. */
const USEFUL_MS = 10_000

/**
 * The actor of this place has died. What a session does to a worker is no failed start: nobody shall end the gateway by requests.
 * @param inFlight sessions that died with it
 */
export function countStart(place: Place, inFlight: number): void {
  const wasOfUse = place.ready && (inFlight > 0 || performance.now() - place.readyAtMs > USEFUL_MS)
  place.failedStarts = wasOfUse ? 0 : place.failedStarts + 1
}
