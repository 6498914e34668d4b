import { LOG_LEVELS } from '../config/values.js'
import { type HistogramChoice, PHASES } from '../histograms/index.js'
import { captureCpuProfile } from '../telemetry/index.js'
import type { Commander, CommandResult } from './admin-command.js'
import { endpointList } from './admin-server.js'
import type { CacheAdmin } from './cache-admin.js'
import { dashboardFiles, dashboardPage } from './dashboard-files.js'
import { type AdminAnswer, type AdminRequest, type Endpoint, json, problem, text } from './endpoint.js'
import { gatewayMetrics } from './gateway-metrics.js'
import type { LiveFeed } from './live-feed.js'
import { liveChoice } from './live-view.js'
import { OPENMETRICS_TYPE, openMetricsText, PROMETHEUS_TYPE, prometheusText } from './metric.js'
import type { StatsReader } from './stats-reader.js'

/** What endpoints answer from. */
export interface AdminSources {
  readonly stats: StatsReader
  readonly feed: LiveFeed
  readonly commands: Commander
  /** Null: no route has a cache. */
  readonly cache: CacheAdmin | null
}

const MAX_CAPTURE_S = 60
const MAX_INTERVALS_S = 60

/** All endpoints of the admin listener: one entry each. What changes something is a POST. */
export function adminEndpoints(sources: AdminSources): readonly Endpoint[] {
  const { stats } = sources
  const endpoints: Endpoint[] = [
    {
      method: 'GET',
      path: '/live',
      about: '200 while this process runs',
      open: true,
      answer: () => ({ ...json({}), body: '{"live":true}\n' }),
    },
    {
      method: 'GET',
      path: '/ready',
      about: '200 when requests can be served, 503 with the reasons otherwise',
      open: true,
      answer: () => ready(stats),
    },
    {
      method: 'GET',
      path: '/metrics',
      about: 'Prometheus text; OpenMetrics on Accept',
      answer: ({ accept }) => metrics(stats, accept),
    },
    {
      method: 'GET',
      path: '/stats.json',
      about: 'counters, rates, latencies, workers, upstreams',
      answer: () => json(stats.read()),
    },
    {
      method: 'GET',
      path: '/config',
      about: 'the effective configuration, without secrets',
      answer: () => json(stats.task.config),
    },
    {
      method: 'GET',
      path: '/routes',
      about: 'routes with their rates and latencies',
      answer: () => json(stats.read().routes),
    },
    {
      method: 'GET',
      path: '/upstreams',
      about: 'upstreams and their peers',
      answer: () => json(stats.upstreams()),
    },
    { method: 'GET', path: '/workers', about: 'worker threads', answer: () => json(stats.workers()) },
    {
      method: 'GET',
      path: '/histogram.hlog',
      about: 'latencies in µs, HdrHistogram log [?route=&phase=&last=SECONDS&format=percentiles]',
      answer: ({ query }) => histogram(stats, query),
    },
    {
      method: 'GET',
      path: '/events',
      about: 'what the dashboard shows, as server-sent events [?route=&window=1s|10s|60s|total]',
      answer: ({ query }) => events(sources, query),
    },
    ...logLevel(sources),
    {
      method: 'POST',
      path: '/reload',
      about: 'read the configuration again and use it',
      answer: async () => said(await sources.commands.ask({ name: 'reload' })),
    },
    {
      method: 'POST',
      path: '/drain',
      about: 'finish the sessions in flight, then end',
      answer: async () => said(await sources.commands.ask({ name: 'drain' }), 202),
    },
    {
      method: 'POST',
      path: '/workers/:worker/restart',
      about: 'replace a worker thread, when its sessions have ended',
      answer: ({ params }) => restart(sources, params['worker'] ?? ''),
    },
    {
      method: 'POST',
      path: '/capture',
      about: 'CPU profile of a thread, .cpuprofile [?seconds=10&thread=acceptor|control|0|1…]',
      answer: ({ query }) => capture(sources, query),
    },
    ...dashboardFiles(),
    ...(sources.cache?.endpoints() ?? NO_CACHE),
  ]
  return [
    {
      method: 'GET',
      path: '/',
      about: 'the dashboard in a browser, this list elsewhere',
      answer: ({ accept }) =>
        accept.includes('text/html')
          ? { status: 200, type: 'text/html; charset=utf-8', body: dashboardPage() }
          : text(endpointList(endpoints)),
    },
    ...endpoints,
  ]
}

function ready(stats: StatsReader): AdminAnswer {
  const { ready: isReady, notReady } = stats.readiness()
  const body = `${JSON.stringify({ ready: isReady, reasons: notReady })}\n`
  return { ...json({}, isReady ? 200 : 503), body }
}

function metrics(stats: StatsReader, accept: string): AdminAnswer {
  const all = gatewayMetrics(stats)
  return accept.includes('application/openmetrics-text')
    ? { status: 200, type: OPENMETRICS_TYPE, body: openMetricsText(all) }
    : { status: 200, type: PROMETHEUS_TYPE, body: prometheusText(all) }
}

function histogram(stats: StatsReader, query: URLSearchParams): AdminAnswer {
  const [routeName, phaseName, last] = [query.get('route'), query.get('phase'), query.get('last')]
  const route = routeName === null ? undefined : stats.task.routes.indexOf(routeName)
  if (route === -1) return problem(404, `there is no route '${routeName}'`)
  const phase = phaseName === null ? undefined : PHASES.find((name) => name === phaseName)
  if (phaseName !== null && phase === undefined) return problem(404, `phases are ${PHASES.join(', ')}`)
  const choice: HistogramChoice = {
    ...(route !== undefined && { route }),
    ...(phase !== undefined && { phase }),
  }
  if (query.get('format') === 'percentiles') return text(stats.percentileText(choice))
  if (last === null) return text(stats.histogramLog(choice))
  const seconds = wholeNumber(last, MAX_INTERVALS_S)
  if (seconds === null) return problem(400, `last is a number of seconds from 1 to ${MAX_INTERVALS_S}`)
  return text(stats.intervalLog(seconds, choice))
}

function events({ stats, feed }: AdminSources, query: URLSearchParams): ReturnType<Endpoint['answer']> {
  if (feed.isFull) return problem(503, 'too many viewers')
  const choice = liveChoice(query, stats.task.routes)
  return { type: 'text/event-stream', start: (response) => feed.add(response, choice) }
}

/** The level is the same in all threads; who starts with another one is told by the supervisor. */
function logLevel({ stats, commands }: AdminSources): Endpoint[] {
  let level = stats.task.logLevel
  const path = '/logs/level'
  return [
    { method: 'GET', path, about: 'the least level that is logged', answer: () => json({ level }) },
    {
      method: 'POST',
      path,
      about: `change it [?level=${LOG_LEVELS.join('|')}]`,
      async answer({ query }: AdminRequest) {
        const wanted = LOG_LEVELS.find((name) => name === query.get('level'))
        if (wanted === undefined) return problem(400, `level is one of ${LOG_LEVELS.join(', ')}`)
        const result = await commands.ask({ name: 'log-level', level: wanted })
        if (result.ok) level = wanted
        return said(result)
      },
    },
  ]
}

async function restart({ commands, stats }: AdminSources, text: string): Promise<AdminAnswer> {
  const worker = workerOf(text, stats)
  if (worker === null) return problem(404, `there is no worker '${text}'`)
  return said(await commands.ask({ name: 'restart-worker', worker }))
}

async function capture({ commands, stats }: AdminSources, query: URLSearchParams): Promise<AdminAnswer> {
  const seconds = wholeNumber(query.get('seconds') ?? '10', MAX_CAPTURE_S)
  if (seconds === null) return problem(400, `seconds is a number from 1 to ${MAX_CAPTURE_S}`)
  const name = query.get('thread') ?? 'acceptor'
  const worker = workerOf(name, stats)
  if (worker === null && name !== 'acceptor' && name !== 'control')
    return problem(404, `thread is acceptor, control or the number of a worker`)
  const durationMs = seconds * 1000
  let result: CommandResult
  if (name === 'control') result = { ok: true, value: await captureCpuProfile(durationMs) }
  else {
    const thread = worker === null ? 'acceptor' : { worker }
    result = await commands.ask({ name: 'capture', thread, durationMs })
  }
  if (!result.ok) return problem(result.status, result.message)
  const file = `headgate-${worker === null ? name : `worker-${worker}`}.cpuprofile`
  const headers = { 'content-disposition': `attachment; filename="${file}"` }
  return { status: 200, type: 'application/json', body: String(result.value), headers }
}

function said(result: CommandResult, status = 200): AdminAnswer {
  if (result.ok) return json(result.value, status)
  return result.value === undefined
    ? problem(result.status, result.message)
    : json(result.value, result.status)
}

function workerOf(text: string, stats: StatsReader): number | null {
  const isKnown = /^\d{1,4}$/.test(text) && stats.workers().some(({ worker }) => worker === Number(text))
  return isKnown ? Number(text) : null
}

/** From 1 on; null for anything else. */
function wholeNumber(text: string, max: number): number | null {
  const number = Number(text)
  return /^\d{1,9}$/.test(text) && number >= 1 && number <= max ? number : null
}

const noCache = (): AdminAnswer => problem(404, 'no route has a cache: there is nothing to see or to purge')

/** Where no route has a cache. Not in the list of endpoints. */
const NO_CACHE: readonly Endpoint[] = [
  { method: 'GET', path: '/cache', answer: noCache },
  { method: 'POST', path: '/cache/purge', answer: noCache },
]
