import type { GatewayStats } from '../control/index.js'

export interface LineStyle {
  /** Columns; longer lines are cut. */
  readonly width: number
  readonly color: boolean
}

const BOLD = '1'
const RED = '31'
const GREEN = '32'
const GRAY = '90'
const ERRORS_SHOWN = 5
const TOP_PHASES = ['queue', 'filter', 'cache', 'connect', 'ttfb', 'body', 'write'] as const

/** A gateway's numbers as lines of text. Rates and latencies are those of the last ten seconds. */
export function topLines(stats: GatewayStats, admin: string, { width, color }: LineStyle): string[] {
  const paint = (code: string, text: string): string => (color ? `\x1b[${code}m${text}\x1b[0m` : text)
  const cut = (text: string): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`)
  const head = (text: string): string => paint(GRAY, cut(text))
  const { rates, inFlight, connections, upstreams, workers, acceptor, routes, errors } = stats
  const state = stats.ready ? 'ready' : stats.notReady.join(', ')
  const now = rates['10s']
  const total = stats.windows['10s'].total
  const lines = [
    `${paint(BOLD, `headgate ${stats.version}`)}  ${paint(stats.ready ? GREEN : RED, state)}  ${admin}  up ${stats.uptimeS} s`,
    cut(
      `requests ${rate(now.requests)}/s   5xx ${rate(now.serverErrors)}/s   4xx ${rate(now.clientErrors)}/s   left ${rate(now.aborted)}/s   in flight ${inFlight}   connections ${connections}`,
    ),
    cut(
      `latency  p50 ${ms(total.p50)}   p90 ${ms(total.p90)}   p99 ${ms(total.p99)}   p99.9 ${ms(total.p999)}   max ${ms(total.max)}`,
    ),
    cut(
      `phases   ${TOP_PHASES.map((phase) => `${phase} ${ms(stats.windows['10s'][phase].p50)}`).join('   ')}   (p50)`,
    ),
    cut(
      `pool reuse ${share(stats.connectionReuseRatio)}${stats.cache === undefined ? '' : `   cache ${cacheText(stats.cache)}`}`,
    ),
    '',
    head(row(['ROUTE', 'REQ/S', '5XX/S', 'P50', 'P99', 'MAX'])),
    ...routes.map(({ name, rates: own, windows }) => {
      const { p50, p99, max } = windows['10s'].total
      const { requests, serverErrors } = own['10s']
      const line = cut(row([name, rate(requests), rate(serverErrors), ms(p50), ms(p99), ms(max)]))
      return serverErrors > 0 ? paint(RED, line) : line
    }),
    '',
    head(row(['UPSTREAM', 'PEER', 'HEALTH', 'IN FLIGHT', 'LATENCY', 'EJECTIONS'])),
    ...upstreams.flatMap(({ name, peers, breaker }) => [
      ...(breaker === 'closed' ? [] : [paint(RED, cut(row([name, `breaker ${breaker}`])))]),
      ...peers.map((peer) => {
        const health = peer.ejected ? 'ejected' : peer.health
        const line = cut(
          row([name, peer.peer, health, String(peer.inFlight), ms(peer.latencyMs), String(peer.ejections)]),
        )
        return health === 'ejected' || health === 'unhealthy' ? paint(RED, line) : line
      }),
    ]),
    '',
    head(row(['THREAD', 'BUSY', 'STATE', 'QUEUE', 'RESTARTS', 'HEAP'])),
    cut(row(['acceptor', share(acceptor.utilization), 'ready', '', '', mebibytes(acceptor.heapBytes)])),
    ...workers.map((worker) => {
      const { inFlight: queue, restarts, utilization, heapBytes } = worker
      const line = cut(
        row([
          `worker ${worker.worker}`,
          share(utilization),
          worker.state,
          String(queue),
          String(restarts),
          mebibytes(heapBytes),
        ]),
      )
      return worker.state === 'ready' ? line : paint(RED, line)
    }),
  ]
  if (errors.length === 0) return lines
  return [
    ...lines,
    '',
    head('LAST ERRORS'),
    ...errors.slice(0, ERRORS_SHOWN).map(({ timeMs, status, reason, route, requestId }) => {
      const time = new Date(timeMs).toISOString().slice(11, 19)
      return cut(`${time}  ${status === 0 ? '  –' : status}  ${reason}  ${route ?? '–'}  ${requestId}`)
    }),
  ]
}

const FIRST_WIDTH = 28
const WIDTHS = [21, 12, 10, 10, 10] as const

/** One line of a table: the first column to the left, the others to the right. */
function row([first = '', ...rest]: readonly string[]): string {
  const name = first.length > FIRST_WIDTH ? `${first.slice(0, FIRST_WIDTH - 1)}…` : first.padEnd(FIRST_WIDTH)
  return `${name}${rest.map((text, index) => ` ${text.padStart(WIDTHS[index] ?? 0)}`).join('')}`
}

function rate(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1)
}

function ms(value: number): string {
  if (value === 0) return '–'
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`
  return value >= 1 ? `${value.toFixed(1)} ms` : `${(value * 1000).toFixed(0)} µs`
}

function share(value: number): string {
  return `${Math.round(value * 100)} %`
}

function mebibytes(value: number): string {
  return `${(value / 1024 / 1024).toFixed(1)} MiB`
}

function cacheText({ hitRatio, bytes, capacityBytes }: NonNullable<GatewayStats['cache']>): string {
  return `${share(hitRatio)} hits, ${mebibytes(bytes)} of ${mebibytes(capacityBytes)}`
}
