import { type HistogramStore, IntervalRecorder, WINDOWS_S, type WindowS } from '../histograms/index.js'
import type { SharedCounters } from '../memory/index.js'
import { type GatewayCounter, REFUSAL_KINDS } from '../session/counters.js'
import type { AnswerCounts, RouteAnswers } from '../telemetry/index.js'

/** Per second, over a window. */
export interface Rates {
  readonly requests: number
  /** Answers with 5xx. */
  readonly serverErrors: number
  /** Answers with 4xx. */
  readonly clientErrors: number
  /** Requests whose answer did not reach the client completely. */
  readonly aborted: number
  /** Requests that the acceptor refused. */
  readonly refused: number
  /** Bytes of bodies. */
  readonly bytesIn: number
  readonly bytesOut: number
}

/** Per second, of one route. */
export interface RouteRates {
  readonly requests: number
  readonly serverErrors: number
  readonly clientErrors: number
}

/** Windows by name, as they stand in JSON. */
export const WINDOW_NAMES = ['1s', '10s', '60s'] as const
export type WindowName = (typeof WINDOW_NAMES)[number]

/** What the curves over time begin with: one point a second. */
export interface HistoryPoint extends Rates {
  readonly timeMs: number
}

/** How long the history is, points. */
export const HISTORY_POINTS = 300

interface Sample {
  readonly timeMs: number
  readonly totals: Rates
  readonly routes: readonly RouteAnswers[]
}

const NO_RATES: Rates = {
  requests: 0,
  serverErrors: 0,
  clientErrors: 0,
  aborted: 0,
  refused: 0,
  bytesIn: 0,
  bytesOut: 0,
}

export interface SamplerSources {
  readonly counters: Pick<SharedCounters<GatewayCounter>, 'totals'>
  readonly answers: Pick<AnswerCounts, 'totals'>
  readonly histograms: HistogramStore
}

/** Remembers the totals of the last minutes, so that rates and windows can be told. Somebody has to call `tick` once a second. */
export class Sampler {
  readonly intervals: IntervalRecorder
  readonly #sources: SamplerSources
  readonly #samples: Sample[] = []
  readonly #history: HistoryPoint[]
  /** Routes that had something to do in the tick before: what ended then may be recorded only now. */
  #lastActive: readonly boolean[] = []

  /** @param nowMs milliseconds since 1970 @param history of the sampler before, which had other routes */
  constructor(sources: SamplerSources, nowMs: number, history: readonly HistoryPoint[] = []) {
    this.#sources = sources
    this.#history = [...history]
    this.intervals = new IntervalRecorder(sources.histograms, nowMs)
    this.#samples.push(this.#sample(nowMs))
  }

  tick(nowMs: number): void {
    const before = this.#samples.at(-1)
    const sample = this.#sample(nowMs)
    this.#samples.push(sample)
    if (this.#samples.length > Math.max(...WINDOWS_S) + 1) this.#samples.shift()
    const active = sample.routes.map(({ requests }, route) => requests !== before?.routes[route]?.requests)
    this.intervals.tick(nowMs, (route) => active[route] === true || this.#lastActive[route] === true)
    this.#lastActive = active
    this.#history.push({ timeMs: nowMs, ...this.rates(1) })
    if (this.#history.length > HISTORY_POINTS) this.#history.shift()
  }

  /** The last minutes, oldest first. */
  get history(): readonly HistoryPoint[] {
    return this.#history
  }

  /** @param seconds of the window; 0 rates before the first tick */
  rates(seconds: WindowS): Rates {
    const [first, last] = this.#ends(seconds)
    if (first === last) return NO_RATES
    const perS = (name: keyof Rates): number => perSecond(first, last, ({ totals }) => totals[name])
    return {
      requests: perS('requests'),
      serverErrors: perS('serverErrors'),
      clientErrors: perS('clientErrors'),
      aborted: perS('aborted'),
      refused: perS('refused'),
      bytesIn: perS('bytesIn'),
      bytesOut: perS('bytesOut'),
    }
  }

  routeRates(route: number, seconds: WindowS): RouteRates {
    const [first, last] = this.#ends(seconds)
    const perS = (name: keyof RouteAnswers): number =>
      first === last ? 0 : perSecond(first, last, ({ routes }) => routes[route]?.[name] ?? 0)
    return {
      requests: perS('requests'),
      serverErrors: perS('serverErrors'),
      clientErrors: perS('clientErrors'),
    }
  }

  #ends(seconds: number): readonly [Sample, Sample] {
    const last = this.#samples.at(-1)
    const first = this.#samples.at(-1 - seconds) ?? this.#samples[0]
    if (first === undefined || last === undefined) throw new Error('the sampler has no sample')
    return [first, last]
  }

  #sample(timeMs: number): Sample {
    const counters = this.#sources.counters.totals()
    return {
      timeMs,
      totals: {
        requests: counters.requests,
        serverErrors: counters['status:5xx'],
        clientErrors: counters['status:4xx'],
        aborted: counters.aborted,
        refused: REFUSAL_KINDS.reduce((sum, kind) => sum + counters[`refused:${kind}`], 0),
        bytesIn: counters.bytes_in,
        bytesOut: counters.bytes_out,
      },
      routes: this.#sources.answers.totals(),
    }
  }
}

function perSecond(first: Sample, last: Sample, of: (sample: Sample) => number): number {
  const seconds = Math.max(0.001, (last.timeMs - first.timeMs) / 1000)
  return Math.round(((of(last) - of(first)) / seconds) * 100) / 100
}
