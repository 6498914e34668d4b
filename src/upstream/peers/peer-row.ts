import type { HealthTag } from '../../session/session.js'
import { ROW, TICK_MS } from './layout.js'

/** What active checks have found. */
export const CHECKED = ['unknown', 'healthy', 'unhealthy'] as const
export type Checked = (typeof CHECKED)[number]
const HEALTHY = CHECKED.indexOf('healthy')
const UNHEALTHY = CHECKED.indexOf('unhealthy')

/** Kinds of failure that are counted apart. A connect failure is also a gateway error, and that a server error. */
export const FAILURE_KINDS = ['connectFailures', 'gatewayErrors', 'serverErrors'] as const
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** A sample moves the average by this share of the difference. */
const LATENCY_SHARE = 8
/** An average that nothing was added to for this long has half its weight: who was slow once gets another chance. */
const LATENCY_HALF_LIFE_MS = 10_000
/** An ejection whose time has passed: tick 1 was when the gateway started. */
const DUE = 1
const LARGEST = 0x7fff_ffff

/** The shared words that a row works on. */
export interface RowMemory {
  /** Place of the row within its upstream. */
  readonly index: number
  readonly words: Int32Array
  /** First word of the row. */
  readonly at: number
  /** Word of this row in the first worker's column, and the distance to the next worker's. */
  readonly column: number
  readonly columnWords: number
  readonly workers: number
  readonly worker: number
  /** Word that says that the standing of some peer of the upstream has changed. */
  readonly changes: number
  /** Time at which tick 1 began, ms. */
  readonly epochMs: number
}

/**
 * One peer's row of the shared table as one thread sees it. Words that several threads write are changed atomically, so that no update is
 * lost; a worker's own column has one writer. What a request reads is read plainly, at a sixth of the price of `Atomics.load` (no
 * aligned 32-bit read is torn): it may be a moment old, and each change is checked again where it is made.
 * What is written about a former owner of the row has no effect, but for sessions in flight, which are given back as they were taken.
 */
export class PeerRow {
  readonly index: number
  readonly generation: number
  readonly #memory: RowMemory
  readonly #words: Int32Array
  readonly #at: number
  readonly #own: number

  constructor(memory: RowMemory) {
    this.index = memory.index
    this.#memory = memory
    this.#words = memory.words
    this.#at = memory.at
    this.#own = memory.column + memory.worker * memory.columnWords
    this.generation = Atomics.load(memory.words, memory.at + ROW.generation)
  }

  get isCurrent(): boolean {
    return this.#load(ROW.generation) === this.generation
  }

  get weight(): number {
    return this.#load(ROW.weight)
  }

  get maxConnections(): number {
    return this.#load(ROW.maxConnections)
  }

  get inMaintenance(): boolean {
    return this.#load(ROW.maintenance) === 1
  }

  get checked(): Checked {
    return CHECKED[this.#load(ROW.checked)] ?? 'unknown'
  }

  /** See `ROW.ejection`. */
  get ejection(): number {
    return this.#load(ROW.ejection)
  }

  /** For how long the peer is still ejected, ms: 0 when it is not, or waits for a probe. @param nowMs of `now()` */
  ejectedForMs(nowMs: number): number {
    const ejection = this.#load(ROW.ejection)
    return ejection > 0 ? Math.max(0, this.#memory.epochMs + (ejection - 1) * TICK_MS - nowMs) : 0
  }

  /** What is shown of the peer: out of use for whatever reason is unhealthy. */
  get healthStatus(): HealthTag {
    if (this.inMaintenance) return 'maintenance'
    return this.ejection === 0 ? this.checked : 'unhealthy'
  }

  /** Sessions that use the peer, over all workers. */
  get inFlight(): number {
    const { column, columnWords, workers } = this.#memory
    let sum = 0
    for (let worker = 0; worker < workers; worker += 1) sum += this.#words[column + worker * columnWords] ?? 0
    return sum
  }

  /** One session more. */
  acquire(): void {
    this.#words[this.#own] = (this.#words[this.#own] ?? 0) + 1
  }

  /** One session more unless the peer has as many as it may. Never exceeds the limit, whatever other threads do at the same time. */
  tryAcquire(): boolean {
    const limit = this.#load(ROW.maxConnections)
    if (limit === 0) {
      this.acquire()
      return true
    }
    // First shown to all, then counted: of two threads that want the last place at least one sees both.
    Atomics.add(this.#words, this.#own, 1)
    const { column, columnWords, workers } = this.#memory
    let sum = 0
    for (let worker = 0; worker < workers; worker += 1)
      sum += Atomics.load(this.#words, column + worker * columnWords)
    if (sum <= limit) return true
    Atomics.sub(this.#words, this.#own, 1)
    return false
  }

  release(): void {
    this.#words[this.#own] = (this.#words[this.#own] ?? 0) - 1
  }

  /** Moving average of response times, ms, fading while there are no new ones; 0 before the first. @param nowMs of `now()` */
  latencyMs(nowMs: number): number {
    const micros = this.#load(ROW.latency)
    if (micros === 0) return 0
    const idleMs = Math.max(0, this.#tick(nowMs) - this.#load(ROW.latencyAt)) * TICK_MS
    return (micros / 1000) * 2 ** (-idleMs / LATENCY_HALF_LIFE_MS)
  }

  /** Adds a response time to the average. */
  addLatency(ms: number, nowMs: number): void {
    const sample = Math.max(1, Math.min(LARGEST, Math.round(ms * 1000)))
    for (;;) {
      const before = this.#load(ROW.latency)
      const step = (sample - before) / LATENCY_SHARE
      const after = before === 0 ? sample : before + (step < 0 ? Math.floor(step) : Math.ceil(step))
      if (this.#swap(ROW.latency, before, after)) break
    }
    const tick = this.#tick(nowMs)
    if (this.#load(ROW.latencyAt) !== tick) this.#store(ROW.latencyAt, tick)
  }

  /** The count of one kind of consecutive failures. */
  failures(kind: FailureKind): number {
    return this.#load(ROW[kind])
  }

  /** Counts a failure. @returns how many of the kind there are now in a row */
  countFailure(kind: FailureKind): number {
    return Atomics.add(this.#words, this.#at + ROW[kind], 1) + 1
  }

  /** The peer has done well in what this kind is about. Writes only if there is something to forget. */
  clearFailures(kind: FailureKind): void {
    if (this.#load(ROW[kind]) !== 0) this.#store(ROW[kind], 0)
  }

  /** The same for all kinds; every good answer comes here. */
  clearAllFailures(): void {
    if (this.#load(ROW.serverErrors) === 0) return
    for (const kind of FAILURE_KINDS) this.clearFailures(kind)
  }

  /** The first good answer of a peer that nobody checks. @returns whether this thread has made the change */
  markHealthy(): boolean {
    if (this.#load(ROW.checked) !== 0 || !this.#swap(ROW.checked, 0, HEALTHY)) return false
    this.#changed()
    return true
  }

  /** What the checks have found; only the thread that checks calls this. @returns whether it is news */
  setChecked(isHealthy: boolean): boolean {
    const value = isHealthy ? HEALTHY : UNHEALTHY
    const before = Atomics.exchange(this.#words, this.#at + ROW.checked, value)
    if (before === value) return false
    // The first good sign of a peer that was in use all the time is no change that anybody counts.
    if (before !== 0 || !isHealthy)
      Atomics.add(this.#words, this.#at + (isHealthy ? ROW.turnedHealthy : ROW.turnedUnhealthy), 1)
    this.#changed()
    return true
  }

  /** Counts the result of a check. @returns how many of its kind there are now in a row */
  countCheck(passed: boolean): number {
    Atomics.add(this.#words, this.#at + (passed ? ROW.checksPassed : ROW.checksFailed), 1)
    this.#store(passed ? ROW.checksFailedInRow : ROW.checksPassedInRow, 0)
    const word = passed ? ROW.checksPassedInRow : ROW.checksFailedInRow
    return Atomics.add(this.#words, this.#at + word, 1) + 1
  }

  /** Ejects a peer that is in use. @returns false if another thread was first */
  eject(untilMs: number): boolean {
    if (!this.isCurrent || !this.#swap(ROW.ejection, 0, this.#untilTick(untilMs))) return false
    this.#changed()
    return true
  }

  /** Takes back an ejection of a moment ago, that would have been one too many. */
  undoEject(): void {
    const ejection = this.#load(ROW.ejection)
    if (ejection > 0 && this.#swap(ROW.ejection, ejection, 0)) this.#changed()
  }

  /** Has the time of an ejection passed, and is nobody probing? */
  isDue(nowMs: number): boolean {
    const ejection = this.#load(ROW.ejection)
    return ejection > 0 && ejection <= this.#tick(nowMs)
  }

  /** Takes the one probe of an ejected peer that is due. @returns false if it is not, or another thread was first */
  claimProbe(nowMs: number): boolean {
    const ejection = this.#load(ROW.ejection)
    if (ejection <= 0 || ejection > this.#tick(nowMs)) return false
    return this.#swap(ROW.ejection, ejection, this.#probing)
  }

  /** The probe of this thread has ended: 0 restores the peer, anything else ejects it until then. @returns false if it is not ours */
  endProbe(untilMs: number): boolean {
    const next = untilMs === 0 ? 0 : this.#untilTick(untilMs)
    if (!this.isCurrent || !this.#swap(ROW.ejection, this.#probing, next)) return false
    if (next === 0) Atomics.add(this.#words, this.#at + ROW.restores, 1)
    this.#changed()
    return true
  }

  /** Ejections before the next one in this bad time; a quiet time of `quietMs` since the last ended it. */
  streak(nowMs: number, quietMs: number): number {
    const quietSince = this.#load(ROW.restoredAt)
    if (quietSince > 0 && (this.#tick(nowMs) - quietSince) * TICK_MS >= quietMs) return 0
    return this.#load(ROW.streak)
  }

  /** The probe of this thread has ended without news: the next one may come at once. */
  abandonProbe(): void {
    this.#swap(ROW.ejection, this.#probing, DUE)
  }

  /** Counts an ejection, the one after `streak` others. */
  countEjection(streak: number): void {
    Atomics.add(this.#words, this.#at + ROW.ejections, 1)
    this.#store(ROW.streak, streak + 1)
    this.#store(ROW.restoredAt, 0)
  }

  /** From now on the time is quiet. */
  startQuiet(nowMs: number): void {
    this.#store(ROW.restoredAt, this.#tick(nowMs))
  }

  get #probing(): number {
    return -1 - this.#memory.worker
  }

  #tick(nowMs: number): number {
    return Math.max(1, Math.floor((nowMs - this.#memory.epochMs) / TICK_MS) + 1)
  }

  /** Rounded up, so that an ejection is not shorter than it should be. */
  #untilTick(untilMs: number): number {
    return Math.max(1, Math.ceil((untilMs - this.#memory.epochMs) / TICK_MS) + 1)
  }

  #changed(): void {
    Atomics.add(this.#words, this.#memory.changes, 1)
  }

  #load(word: number): number {
    return this.#words[this.#at + word] ?? 0
  }

  #store(word: number, value: number): void {
    Atomics.store(this.#words, this.#at + word, value)
  }

  #swap(word: number, before: number, after: number): boolean {
    return Atomics.compareExchange(this.#words, this.#at + word, before, after) === before
  }
}
