import { AnswerCounts } from './answer-counts.js'
import { RecentErrors } from './recent-errors.js'
import { ThreadGauges } from './thread-gauges.js'
import { UpstreamCounts } from './upstream-counts.js'

/** How much there is to tell of; the same in every thread. */
export interface TelemetryPlan {
  readonly workers: number
  readonly routes: number
  /** Default: none. */
  readonly upstreams?: number
}

/** The memory of a {@link Telemetry}: travels to other threads. */
export interface TelemetryBuffers {
  readonly answers: SharedArrayBuffer
  readonly errors: SharedArrayBuffer
  readonly threads: SharedArrayBuffer
  readonly upstreams: SharedArrayBuffer
}

/** What threads tell of themselves beside counters and histograms. Rows: 0 is the acceptor's, `1 + N` that of worker N. */
export class Telemetry {
  readonly answers: AnswerCounts
  readonly errors: RecentErrors
  readonly threads: ThreadGauges
  readonly upstreams: UpstreamCounts

  /** @param buffers of a telemetry of the same plan, made in another thread or for another configuration; what is absent is made anew */
  constructor({ workers, routes, upstreams = 0 }: TelemetryPlan, buffers?: Partial<TelemetryBuffers>) {
    this.answers = new AnswerCounts(routes, buffers?.answers)
    this.errors = new RecentErrors(workers + 1, buffers?.errors)
    this.threads = new ThreadGauges(workers + 1, buffers?.threads)
    this.upstreams = new UpstreamCounts(workers, upstreams, buffers?.upstreams)
  }

  get buffers(): TelemetryBuffers {
    const { answers, errors, threads, upstreams } = this
    return {
      answers: answers.buffer,
      errors: errors.buffer,
      threads: threads.buffer,
      upstreams: upstreams.buffer,
    }
  }
}
