import { type CurvePoint, PHASES, type Phase, percentileCurve, summarize } from '../histograms/index.js'
import { type HistoryPoint, WINDOW_NAMES, type WindowName } from './sampler.js'
import type { GatewayState } from './stats.js'
import type { StatsReader } from './stats-reader.js'

/** What the viewer looks at. */
export interface LiveChoice {
  /** Index; null: all routes. */
  readonly route: number | null
  /** `total`: since the start. */
  readonly window: WindowName | 'total'
}

/** One route in the live view: latencies and phases within the window chosen, ms. */
export interface LiveRoute {
  readonly name: string
  readonly requests: number
  /** Per second, the last ten. */
  readonly perSecond: number
  readonly serverErrorsPerSecond: number
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** What each phase adds to the mean of the route's sessions, those that never reached it included. */
  readonly phases: Readonly<Record<Phase, number>>
}

/** What dashboard and `top` show; sent once a second. */
export interface LiveView extends Omit<GatewayState, 'counters'> {
  readonly timeMs: number
  readonly history: readonly HistoryPoint[]
  readonly window: LiveChoice['window']
  readonly selected: {
    /** Null: all routes. */
    readonly route: string | null
    readonly count: number
    readonly curve: readonly CurvePoint[]
    readonly percentiles: Readonly<Record<'p50' | 'p90' | 'p99' | 'p999' | 'max', number>>
  }
  readonly routes: readonly LiveRoute[]
}

/** @param points of the history, newest last; 1 where the reader keeps what came before */
export function liveView(reader: StatsReader, choice: LiveChoice, points: number): LiveView {
  const { counters: _, ...state } = reader.state()
  const { sampler, task, histograms, telemetry } = reader
  const { window } = choice
  const of = (phase: Phase, route: number | null) =>
    window === 'total'
      ? histograms.merged(phase, route)
      : sampler.intervals.merged(phase, route, Number.parseInt(window, 10))
  const total = of('total', choice.route)
  const { count, ...percentiles } = summarize(total)
  const answers = telemetry.answers.totals()
  return {
    timeMs: Date.now(),
    ...state,
    history: sampler.history.slice(-points),
    window,
    selected: {
      route: choice.route === null ? null : (task.routes[choice.route] ?? null),
      count,
      curve: percentileCurve(total),
      percentiles,
    },
    routes: task.routes.map((name, route) => {
      const byPhase = new Map(PHASES.map((phase) => [phase, of(phase, route)]))
      const own = byPhase.get('total') ?? total
      const summary = summarize(own)
      const { requests: perSecond, serverErrors } = sampler.routeRates(route, 10)
      const phases = PHASES.map((phase) => {
        const found = byPhase.get(phase)
        const sumMs = found === undefined ? 0 : (found.mean * found.totalCount) / 1000
        return [phase, own.totalCount === 0 ? 0 : sumMs / own.totalCount]
      })
      return {
        name,
        requests: answers[route]?.requests ?? 0,
        perSecond,
        serverErrorsPerSecond: serverErrors,
        count: summary.count,
        p50: summary.p50,
        p99: summary.p99,
        max: summary.max,
        phases: Object.fromEntries(phases) as Record<Phase, number>,
      }
    }),
  }
}

/** Reads `route=NAME&window=10s`; a route that is not there means all. */
export function liveChoice(query: URLSearchParams, routes: readonly string[]): LiveChoice {
  const route = routes.indexOf(query.get('route') ?? '')
  const wanted = query.get('window')
  const window = WINDOW_NAMES.find((name) => name === wanted) ?? (wanted === 'total' ? 'total' : '10s')
  return { route: route < 0 ? null : route, window }
}
