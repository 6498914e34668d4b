import parsePrometheusTextFormat from 'parse-prometheus-text-format'
import { describe, expect, it } from 'vitest'
import type { ControlTask } from '#src/control/control-task.js'
import { gatewayMetrics } from '#src/control/gateway-metrics.js'
import { openMetricsText, prometheusText } from '#src/control/metric.js'
import { StatsReader } from '#src/control/stats-reader.js'
import { BUCKET_BOUNDS_S, HistogramStore, UNROUTED } from '#src/histograms/index.js'
import { SharedCounters, WorkerBoard } from '#src/memory/index.js'
import { counterRows, GATEWAY_COUNTERS } from '#src/session/counters.js'
import { Telemetry } from '#src/telemetry/index.js'

const NASTY = 'GET /"quoted"\\back\nnew'
const routes = ['/*', NASTY, UNROUTED]

function rig() {
  const board = new WorkerBoard(2)
  const counters = new SharedCounters(GATEWAY_COUNTERS, counterRows(2))
  const histograms = new HistogramStore(3, routes.length)
  const telemetry = new Telemetry({ workers: 2, routes: routes.length - 1 })
  const task: ControlTask = {
    host: '',
    port: null,
    workers: 2,
    board: board.buffer,
    counters: counters.buffer,
    histograms: histograms.buffer,
    telemetry: telemetry.buffers,
    access: { hosts: [], token: null },
    config: {},
    logLevel: 'info',
    routes,
    draining: new SharedArrayBuffer(4),
    version: '1.2.3',
  }
  const reader = new StatsReader(task)
  return { board, counters, histograms, telemetry, reader, metrics: () => gatewayMetrics(reader) }
}

describe('/metrics', () => {
  it('is read by an independent parser, and every number is there', () => {
    const { counters, histograms, telemetry, board, metrics } = rig()
    counters.row(0).add('requests', 3)
    counters.row(1).add('error:connection_refused', 2)
    board.setState(0, 'ready')
    telemetry.answers.add(1, 'GET', 200)
    telemetry.answers.add(-1, 'GET', 404)
    telemetry.threads.write(2, { utilization: 0.25, delayMs: 5, heapBytes: 1000 })
    telemetry.threads.connections = 7
    for (const ms of [0.2, 4, 4, 30, 20_000]) histograms.recorder(1).answered(1, 'GET', 200, ms)
    histograms.recorder(0).record(0, 'queue', 1)
    const families = new Map(
      parsePrometheusTextFormat(prometheusText(metrics())).map((family) => [family.name, family]),
    )
    const of = (name: string) => families.get(`headgate_${name}`)?.metrics ?? []
    expect(of('sessions_total')).toEqual([{ value: '3' }])
    expect(of('errors_total')).toContainEqual({ value: '2', labels: { reason: 'connection_refused' } })
    expect(of('requests_total')).toEqual([
      { value: '1', labels: { route: NASTY, method: 'GET', code: '200' } },
      { value: '1', labels: { route: '_unrouted', method: 'GET', code: '404' } },
    ])
    expect(of('worker_up')).toEqual([
      { value: '1', labels: { worker: '0' } },
      { value: '0', labels: { worker: '1' } },
    ])
    expect(of('worker_event_loop_utilization')).toContainEqual({ value: '0.25', labels: { worker: '1' } })
    expect(of('connections')).toEqual([{ value: '7' }])
    // The parser puts the buckets of all label sets into one: it gets those of one route.
    const ofRoute = prometheusText(metrics())
      .split('\n')
      .filter((line) => !line.includes('route="/*"') && !line.includes('{route="_unrouted",le'))
    const family = parsePrometheusTextFormat(`${ofRoute.join('\n')}\n`).find(
      ({ name }) => name === 'headgate_request_duration_seconds',
    )
    const duration: Readonly<Record<string, unknown>> = Object.assign({}, ...(family?.metrics ?? []))
    const buckets = duration['buckets'] as Record<string, string>
    expect(buckets).toMatchObject({
      '0.00025': '1',
      '0.0025': '1',
      '0.005': '3',
      '0.05': '4',
      '10': '4',
      '+Inf': '5',
    })
    expect(Object.keys(buckets)).toHaveLength(BUCKET_BOUNDS_S.length + 1)
    expect(ofRoute.join('\n')).toContain('method="GET",code="200",le="10"} 4')
    // It does not know sum and count of a histogram with labels.
    const numberOf = (name: string) =>
      Number(
        ofRoute
          .find((line) => line.startsWith(`headgate_${name}{`))
          ?.split(' ')
          .at(-1),
      )
    expect(numberOf('request_duration_seconds_count')).toBe(5)
    expect(numberOf('request_duration_seconds_sum')).toBeCloseTo(20.0382, 1)
    expect(families.get('headgate_phase_duration_seconds')?.type).toBe('HISTOGRAM')
  })

  it('has no family twice, base units, and names that end as their type asks', () => {
    const names = rig()
      .metrics()
      .map(([name, type]) => [name, type] as const)
    expect(new Set(names.map(([name]) => name)).size).toBe(names.length)
    for (const [name, type] of names) {
      expect(name).toMatch(/^[a-z][a-z_]*$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(name).not.toMatch(/_(ms|us|millis|kb|mb)(_|$)/)
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
    }
  })

  it('in OpenMetrics the family of a counter is named without _total, and the text says where it ends', () => {
    const text = openMetricsText(rig().metrics())
    expect(text).toContain('# TYPE headgate_sessions counter\nheadgate_sessions_total 0\n')
    expect(text.endsWith('\n# EOF\n')).toBe(true)
    expect(text).not.toMatch(/# TYPE \S+_total /)
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(?:# (?:HELP|TYPE) headgate_\w+ .+|# EOF|headgate_\w+(?:\{\w+="(?:[^"\\\n]|\\[\\"n])*"(?:,\w+="(?:[^"\\\n]|\\[\\"n])*")*\})? -?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/,
      )
    }
  })

  it('rates and windows follow the ticks', () => {
    const { reader, counters, histograms, telemetry } = rig()
    const startMs = reader.startMs
    const row = counters.row(0)
    for (let second = 1; second <= 70; second += 1) {
      row.add('requests', second <= 60 ? 10 : 40)
      telemetry.answers.add(0, 'GET', 500)
      histograms.recorder(0).record(0, 'total', second)
      reader.sampler.tick(startMs + second * 1000)
    }
    const stats = reader.read()
    expect(stats.rates['1s'].requests).toBe(40)
    expect(stats.rates['10s'].requests).toBe(40)
    expect(stats.rates['60s'].requests).toBe(15)
    const [route] = stats.routes
    expect(route).toMatchObject({ name: '/*', requests: 70, serverErrors: 70 })
    expect(route?.rates['10s'].serverErrors).toBe(1)
    expect(route?.latency.total.count).toBe(70)
    expect(route?.windows['10s'].total).toMatchObject({ count: 10 })
    expect(route?.windows['60s'].total.p50).toBeCloseTo(40, 0)
    expect(stats.windows['1s'].total.count).toBe(1)
    expect(reader.sampler.history).toHaveLength(70)
  })
})
