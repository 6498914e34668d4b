import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryTransport, UpstreamSession, VastUpstream } from '#src/ads/index.js'
import { Money } from '#src/money/index.js'
import { LmdbStore } from '#src/state/index.js'
import { AdServerUnderTest, impressionsOf, inlineVast } from '../support/ad-server.js'
import { GatewayProcess } from '../support/gateway.js'

const SECRET = 'a secret of the tests, long enough to sign with'
const CLIENTS = 8
const CAMPAIGN = { caps: [{ max: 3, every: '1h' }], cpm: '2.00', budget: '1000.00' } as const
/** Of one impression. */
const COST_MICROS = 2000

export interface KillReport {
  readonly rounds: number
  /** Impressions that players reported, and those of them that were answered before the gateway died. */
  readonly reported: number
  readonly answered: number
  /** Impressions that the campaign was charged for. */
  readonly charged: number
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** Null: the connection ended instead. */
function fetchOver(agent: Agent, port: number, path: string, user: string): Promise<Answer | null> {
  return new Promise((resolve) => {
    get({ port, path, agent, headers: { cookie: `user_id=${user}` } }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', () => resolve(null))
    }).on('error', () => resolve(null))
  })
}

/**
 * Players ask a gateway for ads and report their impressions, until it is killed with SIGKILL in the midst of it; then the next one starts on the same LMDB
 * folder. What was not answered is reported to it again, as a player would; what was answered never. In the end the campaign must have been charged for each
 * reported impression once.
 */
export async function killGateways(
  rounds: number,
  workers: number,
  eventsOf: (round: number) => number,
): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-kills-'))
  const path = join(folder, 'state')
  const ads = await AdServerUnderTest.start((_, base) => inlineVast('ad', base))
  let reported = 0
  let answered = 0
  let users = 0
  let unanswered: string[] = []
  try {
    for (let round = 0; round < rounds; round += 1) {
      const gateway = await start(path, ads, workers)
      const agent = new Agent({ keepAlive: true })
      const report = async (event: string): Promise<boolean> => {
        const answer = await fetchOver(agent, gateway.port, event, '')
        if (answer !== null && answer.status !== 200)
          throw new Error(`an event was answered ${answer.status}`)
        return answer !== null
      }
      for (const event of unanswered) if (!(await report(event))) throw new Error('it is not up')
      unanswered = []
      let left = eventsOf(round)
      const client = async (): Promise<void> => {
        for (;;) {
          users += 1
          const ad = await fetchOver(agent, gateway.port, '/ads/vast', `user-${users}`)
          const url = ad === null ? undefined : impressionsOf(ad.body).find((one) => one.includes('?t='))
          // Dead, or in the midst of dying.
          if (url === undefined) return
          const { pathname, search } = new URL(url)
          reported += 1
          if (!(await report(pathname + search))) {
            unanswered.push(pathname + search)
            return
          }
          answered += 1
          left -= 1
          if (left === 0) gateway.signal('SIGKILL')
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, client))
      if (left > 0) throw new Error(`the gateway stopped serving with ${left} events to go`)
      await gateway.exit
      agent.destroy()
    }
    const last = await start(path, ads, workers)
    for (const event of unanswered) await (await fetch(`http://127.0.0.1:${last.port}${event}`)).arrayBuffer()
    last.signal('SIGKILL')
    await last.exit
    return { rounds, reported, answered, charged: await chargedIn(path) }
  } finally {
    await ads.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function start(path: string, ads: AdServerUnderTest, workers: number): Promise<GatewayProcess> {
  return GatewayProcess.start({
    workers,
    upstreams: { app: { peers: [ads.base.slice(7)] } },
    routes: [
      {
        match: { path: '/ads/*' },
        adserving: {
          vast: { url: `${ads.base}/vast` },
          store: { kind: 'lmdb', path, durability: 'process' },
          guard: { allow: ['127.0.0.0/8'], ports: [] },
          campaigns: { kills: CAMPAIGN },
          events: { path: '/ads/event', secrets: [SECRET] },
        },
      },
      { match: { path: '/*' }, upstream: 'app' },
    ],
  } as Parameters<typeof GatewayProcess.start>[0])
}

async function chargedIn(path: string): Promise<number> {
  const store = new LmdbStore({ path, durability: 'process' })
  const session = new UpstreamSession({
    upstream: new VastUpstream({ transport: new MemoryTransport({ status: 204 }) }),
    store,
    campaigns: { kills: { cpm: Money.parse(CAMPAIGN.cpm), budget: Money.parse(CAMPAIGN.budget) } },
  })
  const { spent } = await session.budget('kills')
  await session.close()
  await store.close()
  return Number(spent.toAmount().micros) / COST_MICROS
}
