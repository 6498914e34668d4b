import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AdminCommand, CommandResult } from './control-task.js'
import { prometheusText } from './prometheus.js'
import type { StatsReader } from './stats.js'

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=utf-8'
const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

const INDEX = `headgate admin
  GET /live        200 while this process runs
  GET /ready       200 when requests can be served, 503 with the reasons otherwise
  GET /stats.json  counters and workers
  GET /metrics     the same for Prometheus
  POST /reload     read the configuration again
  POST /drain      finish the sessions in flight and end
  GET /histogram.hlog  latencies since the start, HdrHistogram log format, microseconds
`

/** The admin listener. Answers from shared memory, so that asking costs the acceptor nothing. */
export function createAdminServer(
  stats: StatsReader,
  command: (command: AdminCommand) => Promise<CommandResult> = noCommands,
): Server {
  return createServer(async (request, response) => {
    const { status, type, body } = hostIsOurs(request)
      ? ((await runCommand(request, command)) ?? answer(request, stats))
      : WRONG_HOST
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  })
}

const COMMANDS: ReadonlyMap<string, AdminCommand> = new Map([
  ['/reload', 'reload'],
  ['/drain', 'drain'],
])

function noCommands(): Promise<CommandResult> {
  return Promise.resolve({ status: 501, body: { error: 'this gateway takes no commands' } })
}

/** Commands are POST alone, and not from a page of another origin (B23). Null: it is none. */
async function runCommand(
  request: IncomingMessage,
  run: (command: AdminCommand) => Promise<CommandResult>,
): Promise<Answer | null> {
  const command = COMMANDS.get(request.url?.split('?')[0] ?? '')
  if (command === undefined) return null
  if (request.method !== 'POST') return { status: 405, type: TEXT_TYPE, body: 'POST only\n' }
  if (request.headers.origin !== undefined && request.headers.origin !== `http://${request.headers.host}`)
    return { status: 403, type: TEXT_TYPE, body: 'not from another origin\n' }
  const { status, body } = await run(command)
  return { status, type: JSON_TYPE, body: `${JSON.stringify(body)}\n` }
}

const WRONG_HOST: Answer = { status: 421, type: TEXT_TYPE, body: 'this host name is not served here\n' }

function answer(request: IncomingMessage, stats: StatsReader): Answer {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return { status: 405, type: TEXT_TYPE, body: 'GET only\n' }
  const path = request.url?.split('?')[0]
  switch (path) {
    case '/':
      return { status: 200, type: TEXT_TYPE, body: INDEX }
    case '/live':
      return { status: 200, type: JSON_TYPE, body: '{"live":true}\n' }
    case '/ready': {
      const { ready, notReady } = stats.read()
      return {
        status: ready ? 200 : 503,
        type: JSON_TYPE,
        body: `${JSON.stringify({ ready, reasons: notReady })}\n`,
      }
    }
    case '/stats.json':
      return { status: 200, type: JSON_TYPE, body: `${JSON.stringify(stats.read(), null, 2)}\n` }
    case '/histogram.hlog':
      return { status: 200, type: TEXT_TYPE, body: stats.histogramLog() }
    case '/metrics':
      return { status: 200, type: PROMETHEUS_TYPE, body: prometheusText(stats.read()) }
    default:
      return { status: 404, type: TEXT_TYPE, body: INDEX }
  }
}

/**
 * The listener is on loopback, so a browser page could reach it under a name that it made point there (DNS rebinding, B23):
 * only addresses and `localhost` are served.
 */
function hostIsOurs(request: IncomingMessage): boolean {
  const host = request.headers.host ?? ''
  const name = host.replace(/:\d+$/, '').toLowerCase()
  return name === 'localhost' || /^127(?:\.\d{1,3}){3}$/.test(name) || name === '[::1]'
}
