import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, type HttpOutcome, keepAliveAgent, send } from '../support/http-client.js'
import { HttpOrigin } from '../support/http-origin.js'

export interface KillReport {
  readonly kills: number
  readonly answered: number
  readonly acceptorLives: boolean
  readonly failures: {
    /** 502 of a lost worker, or a connection broken off behind a head. */
    readonly lost: number
    /** Sessions that each lost worker had when it died, by the supervisor's board, but for the one that killed it. */
    readonly inFlight: readonly number[]
    /** Anything else. */
    readonly others: readonly string[]
  }
}

/** Of the load. */
export const WIDTH = 8
const EVERY_MS = 200

/**
 * One of two workers dies every 200 ms, by `process.exit` in a filter, while requests come without a pause.
 * @param durationMs of the load
 */
export async function killWorkers(durationMs: number): Promise<KillReport> {
  const origin = await HttpOrigin.start((_, response) => void setTimeout(() => response.end('fine'), 2))
  const filters = compileFilters(new URL('./filters/fragile.ts', import.meta.url))
  const gateway = await InProcessGateway.start({
    workers: 2,
    log: { access: false },
    upstreams: { app: { peers: [origin.address] } },
    routes: [{ upstream: 'app', filters: [filters.path('fragile')] }],
  })
  const agent = keepAliveAgent(WIDTH)
  const outcomes: HttpOutcome[] = []
  const kills: Promise<HttpOutcome>[] = []
  const endMs = performance.now() + durationMs
  const lane = async (): Promise<void> => {
    while (performance.now() < endMs) outcomes.push(await send(gateway.port, '/', { agent }))
  }
  const timer = setInterval(() => {
    if (performance.now() < endMs) kills.push(send(gateway.port, '/exit'))
  }, EVERY_MS)
  try {
    await Promise.all(Array.from({ length: WIDTH }, lane))
    clearInterval(timer)
    const deaths = await Promise.all(kills)
    await gateway.settle()
    // Who has died so often comes back late: the acceptor says 503 meanwhile.
    await eventually('it serves again', async () => {
      const outcome = await send(gateway.port, '/')
      return outcome.kind === 'answer' && outcome.status === 200
    })
    const { status } = await fetchAnswer(gateway.port, '/')
    const lost = outcomes.filter(isLost).length
    return {
      kills: deaths.length,
      answered: outcomes.length - lost,
      acceptorLives: status === 200,
      failures: {
        lost,
        inFlight: gateway.log.saying('a worker was lost').map((line) => Number(line['inFlight']) - 1),
        others: outcomes.filter((outcome) => !isFine(outcome) && !isLost(outcome)).map(describe),
      },
    }
  } finally {
    clearInterval(timer)
    agent.destroy()
    await gateway.close()
    filters.remove()
    await origin.close()
  }
}

function isFine(outcome: HttpOutcome): boolean {
  // While no worker is up, sessions wait, and those that wait too long are told to come again.
  return outcome.kind === 'answer' && (outcome.status === 200 || outcome.status === 503)
}

function isLost(outcome: HttpOutcome): boolean {
  return outcome.kind === 'broken-off' || outcome.status === 502
}

function describe(outcome: HttpOutcome): string {
  return outcome.kind === 'answer' ? String(outcome.status) : outcome.code
}
