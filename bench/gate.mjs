import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { startMockOrigin } from '../dist/load/index.js'
import { measureClosed, measureOpen, verify } from './lib/measure.mjs'
import { loadScenarios } from './lib/scenarios.mjs'
import { stopAll } from './lib/start-process.mjs'
import { median, spread } from './lib/stats.mjs'
import { headgateOf } from './lib/subjects/headgate.mjs'
import { judge, LIMITS } from './lib/verdict.mjs'

const USAGE = `node bench/gate.mjs --base DIR --candidate DIR [options]
  Compares two checkouts, both built, in one run: base and candidate take turns, and the order changes every round. Exits with 1 when the candidate lost more
  than ${LIMITS.throughput * 100} % of throughput or more than ${LIMITS.p95 * 100} % of p95 in the median of its rounds. To be run by hand on a quiet machine.
  --scenario NAME   may be repeated; default: forward-100b
  --rounds N        default 7
  --seconds S       length of a round in whole seconds, default 2
  --json FILE       the results`

const { values: options } = parseArgs({
  options: {
    base: { type: 'string' },
    candidate: { type: 'string' },
    scenario: { type: 'string', multiple: true, default: ['forward-100b'] },
    rounds: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '2' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help || options.base === undefined || options.candidate === undefined) {
  console.log(USAGE)
  process.exit(options.help ? 0 : 2)
}
const builds = { base: resolve(options.base), candidate: resolve(options.candidate) }
for (const folder of Object.values(builds)) {
  if (existsSync(join(folder, 'dist/cli.js'))) continue
  console.error(`${folder} is not built: it has no dist/cli.js`)
  process.exit(2)
}
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const scenarios = loadScenarios().filter(
  ({ name, kind }) => options.scenario.includes(name) && kind === 'load',
)
if (scenarios.length === 0) {
  console.error(`no such scenario: ${options.scenario.join(', ')}`)
  process.exit(2)
}
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => stopAll().then(() => process.exit(130)))

const results = []
for (const scenario of scenarios) results.push(await compare(scenario))
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ builds, rounds, seconds, results }, null, 1)}\n`)
process.exitCode = results.some(({ verdict }) => !verdict.passed) ? 1 : 0

async function compare(scenario) {
  const { tls: _, ...plan } = scenario.origin
  const origin = await startMockOrigin(plan)
  const subjects = {}
  const measured = { base: [], candidate: [] }
  try {
    for (const [name, folder] of Object.entries(builds)) {
      subjects[name] = await headgateOf(folder).start(scenario, origin)
      const problems = await verify(subjects[name], scenario, origin, 2)
      if (problems.length > 0) throw new Error(`${name}: ${problems.join('; ')}`)
    }
    // One rate for both: latency at different loads does not compare.
    let ratePerSecond = null
    for (let round = 0; round < rounds; round += 1) {
      const order = round % 2 === 0 ? ['base', 'candidate'] : ['candidate', 'base']
      const closed = {}
      for (const name of order) closed[name] = await measureClosed(subjects[name], scenario, origin, seconds)
      ratePerSecond ??= closed.base.perSecond / 2
      for (const name of order) {
        const open = await measureOpen(subjects[name], scenario, origin, { ratePerSecond, seconds })
        measured[name].push({ closed: closed[name], open })
      }
    }
  } finally {
    for (const subject of Object.values(subjects)) await subject.stop()
    await origin.stop()
  }
  const verdict = judge(measured)
  print(scenario, measured, verdict)
  return { scenario: scenario.name, verdict, measured }
}

function print(scenario, { base, candidate }, verdict) {
  const row = (title, of, decimals) =>
    `${title.padEnd(22)} ${spread(base.map(of), decimals).padEnd(28)} ${spread(candidate.map(of), decimals)}`
  console.log(`${scenario.title}\n${''.padEnd(22)} ${'base'.padEnd(28)} candidate`)
  console.log(row('requests/s', ({ closed }) => closed.perSecond, 0))
  console.log(row('CPU µs per request', ({ closed }) => closed.cpuUs, 1))
  console.log(row('p95 ms at half load', ({ open }) => open.response.p95Us / 1000, 2))
  const errors = median([...base, ...candidate].map(({ closed, open }) => closed.errors + open.errors))
  for (const { text } of verdict.changes) console.log(text)
  console.log(
    `${verdict.passed ? 'passed' : 'FAILED'}${errors > 0 ? `, ${errors} errors in the median round` : ''}\n`,
  )
}
