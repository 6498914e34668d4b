import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { FREEZE, freezeExperiment } from './lib/freeze.mjs'
import { generatorCeiling } from './lib/generator-ceiling.mjs'
import { machine } from './lib/machine.mjs'
import { microNames, runMicro } from './lib/micros.mjs'
import {
  durationText,
  estimateRest,
  estimateSeconds,
  fitted,
  planOf,
  scenarioOf,
  WITHIN_MINUTES,
} from './lib/plan.mjs'
import { loadScenarios } from './lib/scenarios.mjs'
import { stopAll } from './lib/start-process.mjs'
import { SUBJECTS } from './lib/subjects/index.mjs'
import { runScenario } from './lib/suite.mjs'
import { wrkVersion } from './lib/wrk.mjs'
import { scenarioText } from './report/tables.mjs'
import { writeReport } from './report/write-report.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const USAGE = `node bench/run.mjs [options]     (npm run bench builds first)
  --quick              a few scenarios and short rounds: under 2 minutes, indicative only
  --scenario NAME      only those whose name or title holds this; may be repeated
  --peer NAME          only headgate and this one; may be repeated: ${Object.keys(SUBJECTS).join(', ')}
  --rounds N           interleaved rounds, default 5 (--quick: 3)
  --seconds S          length of a closed-loop round, default 1; wrk takes whole ones
  --within MINUTES     fewer rounds, but at least 3 (--quick: 1), when it would take longer; default 19.5 (--quick: 1.6)
  --json FILE          where the results go, default bench/results/latest.json; '-': standard output
  --out FILE           the report, default BENCHMARKS.md, and none with --scenario or --peer; its plots lie beside it
  --report             no measuring: the report anew from the results that are there
  --list               the scenarios`

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    scenario: { type: 'string', multiple: true },
    peer: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    within: { type: 'string' },
    json: { type: 'string' },
    out: { type: 'string' },
    report: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(USAGE)
  process.exit(0)
}
const RESULTS = `${ROOT}bench/results/latest.json`
const partial = options.scenario !== undefined || options.peer !== undefined
const jsonFile = options.json ?? (partial ? null : RESULTS)
const reportFile = options.out ?? (partial ? null : `${ROOT}BENCHMARKS.md`)
if (options.report) {
  writeReport(
    JSON.parse(readFileSync(options.json ?? RESULTS, 'utf8')),
    options.out ?? `${ROOT}BENCHMARKS.md`,
  )
  process.exit(0)
}
const unknown = (options.peer ?? []).filter((name) => SUBJECTS[name] === undefined)
if (unknown.length > 0) {
  console.error(`no such peer: ${unknown.join(', ')}; there are ${Object.keys(SUBJECTS).join(', ')}`)
  process.exit(2)
}
const holds = (scenario, text) =>
  scenario.name === text || scenario.title.toLowerCase().includes(text.toLowerCase())
const chosen = loadScenarios().filter(
  (scenario) =>
    (options.scenario === undefined ||
      options.scenario.some((text) => holds(scenario, text) || scenario.name.includes(text))) &&
    (!options.quick || options.scenario !== undefined || scenario.quick === true),
)
if (options.list || chosen.length === 0) {
  for (const { name, title } of loadScenarios()) console.log(`${name.padEnd(16)} ${title}`)
  process.exit(options.list ? 0 : 2)
}

// With JSON on standard output everything else goes to the other one.
const say = jsonFile === '-' ? console.error : console.log
installPeers()
// What was started must not outlive a Ctrl-C: every process of a run is told to end, then this one does.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    stopAll().then(() => process.exit(130))
  })
}
const plan = planOf(options)
const within = Number(options.within ?? WITHIN_MINUTES[options.quick ? 'quick' : 'full']) * 60
const log = (line) => console.error(line.trimEnd())
const scenarios = chosen.map((scenario) => scenarioOf(scenario, plan))
const withMicros = !options.quick && !partial
const startMs = performance.now()
const results = {
  date: new Date().toISOString().slice(0, 10),
  command: `node bench/run.mjs ${process.argv.slice(2).join(' ')}`.trim(),
  quick: options.quick,
  rounds: plan.rounds,
  seconds: plan.seconds,
  machine: machine(),
  closedLoop:
    wrkVersion() === null ? 'own generator (wrk is not installed)' : `wrk ${wrkVersion()}, one thread`,
  subjects: Object.fromEntries(
    Object.entries(SUBJECTS).map(([name, subject]) => {
      const missing = subject.missing()
      return [name, { missing, version: missing === null ? subject.version() : null, setup: subject.setup }]
    }),
  ),
  scenarios: [],
  freeze: null,
  micros: null,
}
const micros = withMicros ? microNames() : []
const after = partial ? 0 : estimateRest(plan, micros.length)
const needed = (from) => scenarios.slice(from).reduce((sum, one) => sum + estimateSeconds(one, plan), 0)
const elapsed = () => (performance.now() - startMs) / 1000
log(`${scenarios.length} scenarios, about ${durationText(needed(0) + after)}`)
const ceilingPerSecond = await generatorCeiling()
for (const [index, scenario] of scenarios.entries()) {
  // This machine may be slower, or busier, than the one that the estimates are from.
  const pace = index === 0 ? 1 : Math.max(0.7, elapsed() / (needed(0) - needed(index)))
  const left = (needed(index) + after) * pace
  const fit = fitted(plan, left, within - elapsed())
  const fewer =
    fit.rounds < plan.rounds ? `, ${fit.rounds} rounds to be done within ${durationText(within)}` : ''
  log(`[${index + 1}/${scenarios.length}, ${durationText(left)} left${fewer}] ${scenario.title}`)
  // What goes wrong in one scenario must not cost the others.
  const result = await runScenario(scenario, {
    ...fit,
    only: options.peer === undefined ? null : withHeadgate(options.peer),
    ceilingPerSecond,
    log,
  }).catch((error) => {
    log(`  ${error.stack}`)
    const { name, title, why, kind } = scenario
    return { name, title, why, kind, rows: [], missing: [], notMeasured: `it failed: ${error.message}` }
  })
  results.scenarios.push(result)
  say(`${scenarioText(result)}\n`)
  // A run that is broken off has measured something all the same.
  save()
}
if (!options.quick && !partial) {
  log(`Freeze of ${FREEZE.freezeMs} ms in ${FREEZE.seconds} s`)
  results.freeze = await freezeExperiment().catch((error) => {
    log(`  ${error.stack}`)
    return null
  })
}
if (withMicros) {
  results.micros = { date: results.date, node: process.version, short: true, documents: [] }
  for (const [index, name] of micros.entries()) {
    log(`[${index + 1}/${micros.length}] micro-benchmark ${name}`)
    results.micros.documents.push(await runMicro(name, { short: true, timeoutMs: 60_000 }))
    save()
  }
}
results.minutes = elapsed() / 60
save()
if (jsonFile === '-') process.stdout.write(`${JSON.stringify(results)}\n`)
if (reportFile !== null) writeReport(results, reportFile)
log(`took ${results.minutes.toFixed(1)} minutes`)

function save() {
  if (jsonFile === '-' || jsonFile === null) return
  results.minutes = elapsed() / 60
  mkdirSync(dirname(jsonFile), { recursive: true })
  writeFileSync(jsonFile, `${JSON.stringify(results, null, 1)}\n`)
}

/** The peers from npm have a lockfile of their own; a fresh clone does not have them yet. */
function installPeers() {
  if (existsSync(`${ROOT}bench/peers/node_modules`)) return
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--prefix', `${ROOT}bench/peers`], {
    stdio: 'inherit',
  })
  if (status !== 0) console.error('the peers from npm cannot be installed: their rows will be missing')
}

function withHeadgate(names) {
  const variants = loadScenarios().flatMap(({ variants }) => Object.keys(variants ?? {}))
  return [...names, 'headgate', ...variants]
}
