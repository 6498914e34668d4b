import { getPriority } from 'node:os'
import { Connections } from './connections.js'
import { LatencyRecorder } from './latency.js'
import type { LoadConnection } from './load-connection.js'
import { Metronome } from './metronome.js'
import { refusalsOf } from './refusals.js'
import { type PreparedRequest, prepareRequest } from './request-bytes.js'
import { schedule } from './schedule.js'
import { LOAD_ERRORS, type LoadErrorKind, type LoadPlan, type LoadReport } from './types.js'

const DEFAULT_TIMEOUT_MS = 10_000
/** Beyond it the schedule alone would keep the generator busy. */
const MAX_RATE_PER_SECOND = 1_000_000
const DEFAULT_VERIFY_EVERY = 100
/** How often requests are looked through for those that have waited too long. */
const SWEEP_MS = 100
/** Taken requests of the backlog are cut off when there are so many. */
const COMPACT_AT = 4096

/**
 * Runs a plan in this process; {@link runLoad} gives it one of its own.
 * @throws Error when no connection can be made at the start.
 */
export async function generate(plan: LoadPlan): Promise<LoadReport> {
  const run = new Run(plan)
  return run.report()
}

class Run {
  readonly #plan: LoadPlan
  readonly #requests: readonly PreparedRequest[]
  readonly #connections: Connections
  readonly #response = new LatencyRecorder()
  readonly #service = new LatencyRecorder()
  readonly #late = new LatencyRecorder()
  readonly #errors = Object.fromEntries(LOAD_ERRORS.map((kind) => [kind, 0])) as Record<LoadErrorKind, number>
  readonly #timeoutMs: number
  readonly #verifyEvery: number
  /** Times of requests that are due and wait for a connection. */
  #backlog: number[] = []
  #taken = 0
  #sent = 0
  #answered = 0
  #answeredInTime = 0
  #verified = 0
  /** Milliseconds of `performance.now()`: from when on requests count, and from when on none are due. */
  #countFromMs = 0
  #endMs = 0
  #lastMs = 0
  #running = false
  /** Open loop: all that is due has been put into the backlog. */
  #allDue = false
  #onFinished: () => void = () => {}

  constructor(plan: LoadPlan) {
    const url = new URL(plan.url)
    this.#plan = plan
    this.#requests = plan.requests.map((request) => prepareRequest(request, url.host))
    if (this.#requests.length === 0) throw new Error('the plan has no requests')
    if (!(plan.durationMs > 0)) throw new Error('the plan has no duration')
    if (
      plan.loop.kind === 'open' &&
      !(plan.loop.ratePerSecond > 0 && plan.loop.ratePerSecond <= MAX_RATE_PER_SECOND)
    ) {
      throw new Error(`the rate must be above 0 and at most ${MAX_RATE_PER_SECOND} requests a second`)
    }
    this.#timeoutMs = plan.timeoutMs ?? DEFAULT_TIMEOUT_MS
    this.#verifyEvery = plan.verifyEvery ?? DEFAULT_VERIFY_EVERY
    this.#connections = new Connections(plan.connections, url, plan.expect, {
      onOutcome: (connection, error, sha256) => this.#onOutcome(connection, error, sha256),
      onIdle: (connection) => this.#onIdle(connection),
      onConnectFailed: () => this.#onConnectFailed(),
    })
  }

  async report(): Promise<LoadReport> {
    const { loop, warmUpMs = 0, durationMs } = this.#plan
    let due: Iterator<number> | null = null
    if (loop.kind === 'open') {
      due = schedule(loop.ratePerSecond, warmUpMs + durationMs, loop.arrivals ?? 'uniform')
    }
    const metronome = due === null ? null : new Metronome(() => this.#beat())
    await Promise.all([this.#connections.openAll(), metronome?.ready()])
    const sweep = setInterval(() => this.#sweep(), SWEEP_MS)
    const startMs = performance.now()
    this.#countFromMs = startMs + warmUpMs
    this.#endMs = this.#countFromMs + durationMs
    this.#lastMs = this.#endMs
    this.#running = true
    const cpu = process.cpuUsage()
    const loopStart = performance.eventLoopUtilization()
    const finished = new Promise<void>((resolve) => {
      this.#onFinished = resolve
    })
    if (due !== null) this.#startOpen(due, startMs)
    // Each asks once at least, also in a run that is over by the time it begins.
    else for (const connection of this.#connections.all) this.#send(connection, performance.now())
    await finished
    this.#running = false
    clearInterval(sweep)
    const { user, system } = process.cpuUsage(cpu)
    const elapsedMs = performance.now() - startMs
    const health = {
      cpuShare: (user + system) / 1000 / elapsedMs,
      loopBusy: performance.eventLoopUtilization(loopStart).utilization,
      lateP99Us: this.#late.percentileUs(99),
      lateMaxUs: this.#late.maxUs,
      niceness: getPriority(),
    }
    this.#connections.close()
    await metronome?.stop()
    const failed = LOAD_ERRORS.reduce((sum, kind) => sum + this.#errors[kind], 0)
    return {
      offeredPerSecond: loop.kind === 'open' ? loop.ratePerSecond : null,
      elapsedMs: this.#lastMs - this.#countFromMs,
      requests: this.#answered + failed,
      answered: this.#answered,
      perSecond: (this.#answeredInTime * 1000) / durationMs,
      errors: this.#errors,
      verified: this.#verified,
      bodyBytes: this.#connections.bodyBytes,
      sent: this.#sent,
      response: this.#response.report(),
      service: this.#service.report(),
      generator: health,
      refusals: refusalsOf(health, this.#response.percentileUs(99)),
    }
  }

  #next: Iterator<number> | null = null
  #nextDueMs = Number.POSITIVE_INFINITY
  #startMs = 0

  #startOpen(due: Iterator<number>, startMs: number): void {
    this.#next = due
    this.#startMs = startMs
    this.#advance()
  }

  #advance(): void {
    const next = this.#next?.next()
    if (next === undefined || next.done === true) {
      this.#nextDueMs = Number.POSITIVE_INFINITY
      this.#allDue = true
    } else this.#nextDueMs = this.#startMs + next.value
  }

  /** Puts what is due by now into the backlog, and sends as much of it as there are idle connections. */
  #beat(): void {
    if (!this.#running || this.#next === null) return
    const nowMs = performance.now()
    while (this.#nextDueMs <= nowMs) {
      if (this.#nextDueMs >= this.#countFromMs) this.#late.record(nowMs - this.#nextDueMs)
      this.#backlog.push(this.#nextDueMs)
      this.#advance()
    }
    while (this.#taken < this.#backlog.length) {
      const connection = this.#connections.takeIdle()
      if (connection === null) break
      this.#send(connection, this.#takeDue())
    }
    if (this.#allDue) this.#finishWhenDone()
  }

  #takeDue(): number {
    const dueMs = this.#backlog[this.#taken] ?? 0
    this.#taken += 1
    if (this.#taken === this.#backlog.length || this.#taken >= COMPACT_AT) {
      this.#backlog = this.#backlog.slice(this.#taken)
      this.#taken = 0
    }
    return dueMs
  }

  #sendClosed(connection: LoadConnection): void {
    if (performance.now() < this.#endMs) this.#send(connection, performance.now())
    else this.#finishWhenDone()
  }

  #send(connection: LoadConnection, dueMs: number): void {
    const request = this.#requests[this.#sent % this.#requests.length]
    if (request === undefined) return
    const verify = this.#verifyEvery > 0 && this.#sent % this.#verifyEvery === 0
    this.#sent += 1
    connection.send(request, dueMs, performance.now(), verify && this.#plan.expect?.bodySha256 !== undefined)
  }

  #onIdle(connection: LoadConnection): void {
    if (!this.#running) return
    if (this.#plan.loop.kind === 'closed') this.#sendClosed(connection)
    else if (this.#taken < this.#backlog.length) this.#send(connection, this.#takeDue())
    else {
      this.#connections.giveIdle(connection)
      if (this.#allDue) this.#finishWhenDone()
    }
  }

  #onConnectFailed(): void {
    if (!this.#running) return
    const nowMs = performance.now()
    // The oldest request that waits for a connection does not get one. In a closed loop it would have been sent by now.
    if (this.#plan.loop.kind === 'closed') this.#record('connect', nowMs, nowMs)
    else if (this.#taken < this.#backlog.length) this.#record('connect', this.#takeDue(), nowMs)
    this.#finishWhenDone()
  }

  #onOutcome(connection: LoadConnection, error: LoadErrorKind | null, sha256: string | null): void {
    let outcome = error
    if (sha256 !== null) {
      this.#verified += 1
      if (outcome === null && sha256 !== this.#plan.expect?.bodySha256) outcome = 'body'
    }
    this.#record(outcome, connection.dueMs, connection.sentMs)
    if (!this.#running) return
    if (performance.now() >= this.#endMs) this.#finishWhenDone()
  }

  #record(error: LoadErrorKind | null, dueMs: number, sentMs: number): void {
    const nowMs = performance.now()
    if (error === null && nowMs >= this.#countFromMs && nowMs < this.#endMs) this.#answeredInTime += 1
    if (dueMs < this.#countFromMs) return
    this.#lastMs = Math.max(this.#lastMs, nowMs)
    if (error === null) this.#answered += 1
    else this.#errors[error] += 1
    this.#response.record(nowMs - dueMs)
    this.#service.record(nowMs - sentMs)
  }

  #sweep(): void {
    const nowMs = performance.now()
    for (const connection of this.#connections.all) {
      if (connection.busy && nowMs - connection.sentMs > this.#timeoutMs) connection.timeOut()
    }
    // What never got a connection by then will not: it counts, or a server that stalls for good would look fast.
    if (nowMs > this.#endMs + this.#timeoutMs) {
      while (this.#taken < this.#backlog.length) this.#record('timeout', this.#takeDue(), nowMs)
    }
    this.#finishWhenDone()
  }

  #finishWhenDone(): void {
    if (performance.now() < this.#endMs || this.#taken < this.#backlog.length) return
    if (this.#plan.loop.kind === 'open' && !this.#allDue) return
    if (this.#connections.busy === 0) this.#onFinished()
  }
}
