import { readdirSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Histogram } from 'hdr-histogram-js'
import { compileFilters } from '../support/compile-filter.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, type TestConfig } from '../support/gateway.js'
import { fetchAnswer } from '../support/http-client.js'
import { scriptOptions } from '../support/script-options.js'
import { faultyOrigin, SoakLoad } from './soak-load.js'
import { type SoakSample, soakVerdicts, type Tail, tailOf } from './soak-verdict.js'

const USAGE = 'npm run soak -- [--minutes N] [--acceptor uws|node|auto] [--json FILE]'
/**
 * In one arena what dying threads leave lies side by side, and malloc can give it back; there is one for each thread else. Options of the environment
 * reach every thread, those of the command line none that has its own (control, state, access log).
 */
const ENVIRONMENT = {
  MALLOC_ARENA_MAX: '1',
  NODE_OPTIONS: `--import ${new URL('./collect-when-asked.mjs', import.meta.url).href}`,
}
const REST_EVERY_MS = 15_000
const LOOKS = 5
const LOOK_MS = 100
/** What a client may be told of its own or the gateway's troubles; anything else is a problem. */
const EXPECTED =
  /^(plain|cached|upload|large|slow) (200|502|503|broken off)$|^kill (502|503|broken off)$|^(error|reset|nonsense) (50[234]|broken off)$|^break|^(leaves|cuts) |^malformed 400$/

function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

async function main(): Promise<boolean> {
  const values = scriptOptions(
    {
      minutes: { type: 'string', default: '10' },
      acceptor: { type: 'string', default: 'auto' },
      json: { type: 'string' },
    },
    USAGE,
  )
  if (values === null) return false
  const totalMs = Number(values.minutes) * 60_000
  const { acceptor } = values
  if (!(totalMs > 0) || (acceptor !== 'uws' && acceptor !== 'node' && acceptor !== 'auto')) {
    process.stderr.write(`usage: ${USAGE}\n`)
    return false
  }
  const origin = await faultyOrigin()
  const filters = compileFilters(new URL('../faults/filters/fragile.ts', import.meta.url))
  const config: TestConfig = {
    acceptor,
    admin: '127.0.0.1:0',
    workers: 2,
    // Small, so that it is full before memory is judged: until then its pages are touched one by one.
    cache: { size: '2MiB' },
    // The line that says where it listens is one of `info`.
    log: { level: 'info', access: false },
    upstreams: { app: { peers: [origin.address], ejection: { maxShare: '0%' }, retries: { max: 1 } } },
    routes: [
      { match: { path: '/cached/*' }, upstream: 'app', cache: true },
      { upstream: 'app', filters: [filters.path('fragile')] },
    ],
  }
  Object.assign(process.env, ENVIRONMENT)
  const gateway = await GatewayProcess.start(config)
  process.stdout.write(`${gateway.acceptor} on port ${gateway.port}, ${values.minutes} minutes\n`)
  const load = new SoakLoad(gateway.port)
  const samples: SoakSample[] = []
  const tails: Tail[] = []
  load.start()
  const startMs = performance.now()
  for (let quarter = 1; quarter <= 4; quarter += 1) {
    const stretches: Histogram[] = []
    while (performance.now() - startMs < (totalMs * quarter) / 4 && gateway.alive) {
      await sleep(REST_EVERY_MS)
      await load.rest(async () => {
        const held = await heldAtRest(gateway)
        stretches.push(load.takeTimes())
        samples.push({ seconds: (performance.now() - startMs) / 1000, ...held })
      })
    }
    tails.push(tailOf(stretches))
    process.stdout.write(
      `quarter ${quarter}: RSS ${Math.round((samples.at(-1)?.rssBytes ?? 0) / 2 ** 20)} MiB, ` +
        `${samples.at(-1)?.fds} open files, p99.9 ${tails.at(-1)?.ms} ms\n`,
    )
  }
  await load.stop()
  const problems = Object.keys(load.outcomes).filter((outcome) => !EXPECTED.test(outcome))
  problems.push(...(await conservation(gateway)))
  await gateway.close()
  await origin.close()
  filters.remove()
  const verdicts = soakVerdicts(samples, tails, problems)
  for (const { name, value, wanted, finding } of verdicts)
    process.stdout.write(
      `${finding === 'bad' ? 'BAD ' : finding.padEnd(4)}  ${name}: ${value} (wanted: ${wanted})\n`,
    )
  const report = {
    acceptor: gateway.acceptor,
    minutes: Number(values.minutes),
    verdicts,
    tails,
    outcomes: load.outcomes,
    samples,
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  return verdicts.every(({ finding }) => finding !== 'bad')
}

/** What the gateway holds while nothing is asked of it: all workers are there, and every thread has collected. */
async function heldAtRest(gateway: GatewayProcess): Promise<Pick<SoakSample, 'rssBytes' | 'fds'>> {
  await eventually('all workers are ready', async () => {
    const workers = JSON.parse((await fetchAnswer(gateway.adminPort, '/workers')).body.toString())
    return (workers as { state: string }[]).every(({ state }) => state === 'ready')
  })
  let rssBytes = Number.POSITIVE_INFINITY
  const given = (): number => gateway.errors.filter((text) => text.includes('given back')).length
  const before = given()
  gateway.signal('SIGUSR2')
  await eventually('malloc has given back', () => given() > before)
  for (let looks = 0; looks < LOOKS; looks += 1) {
    await sleep(LOOK_MS)
    rssBytes = Math.min(rssBytes, gateway.rssBytes() ?? 0)
  }
  return { rssBytes, fds: openFiles(gateway.pid) }
}

/** C16, asked at the end, when all clients have gone. */
async function conservation(gateway: GatewayProcess): Promise<string[]> {
  if (!gateway.alive) return ['the gateway has ended']
  let text = ''
  for (let tries = 0; tries < 50; tries += 1) {
    text = (await fetchAnswer(gateway.adminPort, '/metrics')).body.toString()
    if (metric(text, 'headgate_requests_in_flight') === 0) return []
    await sleep(100)
  }
  return [`${metric(text, 'headgate_requests_in_flight')} sessions in flight at the end`]
}

function metric(text: string, name: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(name))
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

process.exitCode = (await main()) ? 0 : 1
