const FIELDS = 16 // one cache line each, so that beating workers do not disturb each other
const BEAT = 0
const IN_FLIGHT = 1
const STATE = 2
const RESTARTS = 3
const MEMORY_KIB = 4
const REASONS = 8

/**
 * Life of one worker as the supervisor sees it. `draining`: it finishes what it has, another one takes its place. `unused`: nobody sits there, the place is
 * for the successors that a reload or a recycled worker needs.
 */
export const WORKER_STATES = ['starting', 'ready', 'lost', 'draining', 'unused'] as const
export type WorkerState = (typeof WORKER_STATES)[number]

/**
 * Why a worker was replaced. `failed`: it threw or exited; `memory`: it grew beyond `workerLimits.memory`, or the process beyond its own limit; `asked`: by the
 * admin API.
 */
export const RESTART_REASONS = [
  'failed',
  'out-of-heap',
  'unresponsive',
  'not-started',
  'mailbox',
  'age',
  'memory',
  'asked',
] as const
export type RestartReason = (typeof RESTART_REASONS)[number]

/**
 * The board on which every worker shows that it lives, and the acceptor how much it has given to each: one cache line
 * per worker in shared memory, read by the watchdog, the balancing of sessions and the control thread.
 */
export class WorkerBoard {
  readonly buffer: SharedArrayBuffer
  readonly workers: number
  readonly #fields: Int32Array

  constructor(workers: number, buffer = new SharedArrayBuffer(workers * FIELDS * 4)) {
    this.workers = workers
    this.buffer = buffer
    this.#fields = new Int32Array(buffer)
  }

  /** Called by the worker's own timer: the value only has to change. */
  beat(worker: number): void {
    Atomics.add(this.#fields, worker * FIELDS + BEAT, 1)
  }

  beats(worker: number): number {
    return Atomics.load(this.#fields, worker * FIELDS + BEAT)
  }

  /** Sessions handed to the worker and not finished; written by the acceptor's thread only. */
  inFlight(worker: number): number {
    return this.#fields[worker * FIELDS + IN_FLIGHT] ?? 0
  }

  addInFlight(worker: number, delta: 1 | -1): void {
    const at = worker * FIELDS + IN_FLIGHT
    this.#fields[at] = (this.#fields[at] ?? 0) + delta
  }

  state(worker: number): WorkerState {
    return WORKER_STATES[Atomics.load(this.#fields, worker * FIELDS + STATE)] ?? 'lost'
  }

  setState(worker: number, state: WorkerState): void {
    Atomics.store(this.#fields, worker * FIELDS + STATE, WORKER_STATES.indexOf(state))
  }

  restarts(worker: number): number {
    return Atomics.load(this.#fields, worker * FIELDS + RESTARTS)
  }

  /** Heap and buffers of the worker, bytes, as it said last; 0 before that. */
  memoryBytes(worker: number): number {
    return Atomics.load(this.#fields, worker * FIELDS + MEMORY_KIB) * 1024
  }

  setMemoryBytes(worker: number, bytes: number): void {
    Atomics.store(this.#fields, worker * FIELDS + MEMORY_KIB, Math.round(bytes / 1024))
  }

  /** It was lost. */
  countRestart(worker: number, reason: RestartReason = 'failed'): void {
    Atomics.add(this.#fields, worker * FIELDS + RESTARTS, 1)
    this.countReplacement(worker, reason)
  }

  /** Another one took its place, whether it was lost or not. */
  countReplacement(worker: number, reason: RestartReason): void {
    Atomics.add(this.#fields, worker * FIELDS + REASONS + RESTART_REASONS.indexOf(reason), 1)
  }

  replacements(worker: number, reason: RestartReason): number {
    return Atomics.load(this.#fields, worker * FIELDS + REASONS + RESTART_REASONS.indexOf(reason))
  }
}
