import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { cpuSeconds, residentMiB } from './lib/process-cpu.mjs'
import { median, spread } from './lib/stats.mjs'
import { headgate, nginxOrigin, nginxProxy, nginxVersion } from './lib/subjects.mjs'
import { hasWrk, runWrk } from './lib/wrk.mjs'
import { SCENARIOS } from './scenarios.mjs'

/*
 * CPU per request of the whole gateway process against nginx doing the same work: same origin, same load, rounds interleaved
 * (A B A B), medians. Absolute numbers depend on the machine; the ratio is what counts.
 */
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    scenario: { type: 'string' },
    acceptor: { type: 'string', default: 'uws' },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(
    'node bench/run.mjs [--rounds 5] [--seconds 4] [--scenario TEXT] [--acceptor uws|node] [--json FILE]',
  )
  process.exit(0)
}
const nginx = nginxVersion()
if (nginx === null || !hasWrk()) {
  console.log(
    `cannot measure: ${nginx === null ? 'nginx' : 'wrk'} is not installed (Debian: nginx-light, wrk)`,
  )
  process.exit(1)
}
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const exact = SCENARIOS.filter(({ name }) => name === options.scenario)
const chosen =
  exact.length > 0
    ? exact
    : SCENARIOS.filter(({ name }) => options.scenario === undefined || name.includes(options.scenario))

console.log(
  `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
)
console.log(`node ${process.version}, ${nginx}; ${rounds} rounds of ${seconds} s, interleaved\n`)

async function measure(subject, connections) {
  const before = cpuSeconds(subject.pid)
  const { requests, errors, perSecond, p50Ms, p99Ms } = await runWrk(subject.url, { seconds, connections })
  const cpuUs = ((cpuSeconds(subject.pid) - before) * 1e6) / requests
  return { cpuUs, errors, perSecond, p50Ms, p99Ms }
}

const results = []
for (const scenario of chosen) {
  const origin = await nginxOrigin(scenario.bytes)
  const subjects = {
    nginx: await nginxProxy(origin.port, { cache: scenario.cache }),
    headgate: await headgate(origin.port, {
      filters: scenario.filters ?? [],
      cache: scenario.cache ?? false,
      acceptor: options.acceptor,
    }),
  }
  if (scenario.baseline !== undefined)
    subjects['without filter'] = await headgate(origin.port, { acceptor: options.acceptor })
  const rows = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
  for (const subject of Object.values(subjects))
    await runWrk(subject.url, { seconds: 2, connections: scenario.connections })
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, subject] of Object.entries(subjects))
      rows[name].push(await measure(subject, scenario.connections))
  }
  const memory = residentMiB(subjects.headgate.pid)
  for (const subject of [...Object.values(subjects), origin]) await subject.stop()
  const ratios = (a, b) => rows[a].map((row, round) => row.cpuUs / rows[b][round].cpuUs)
  const result = { scenario: scenario.name, ratio: ratios('headgate', 'nginx'), rows, residentMiB: memory }
  if (scenario.baseline !== undefined) result.ratioToBaseline = ratios('headgate', 'without filter')
  results.push(result)
  console.log(
    `### ${scenario.name}\n\n| | CPU µs per request | requests/s | p99 ms | errors |\n|---|---|---|---|---|`,
  )
  for (const [name, list] of Object.entries(rows)) {
    const of = (key) => list.map((row) => row[key])
    const errors = of('errors').reduce((sum, value) => sum + value, 0)
    console.log(
      `| ${name} | ${spread(of('cpuUs'), 1)} | ${Math.round(median(of('perSecond')))} | ${spread(of('p99Ms'), 1)} | ${errors} |`,
    )
  }
  console.log(`\nheadgate / nginx: **${spread(result.ratio)}**, RSS ${Math.round(memory)} MiB`)
  if (result.ratioToBaseline !== undefined)
    console.log(`with / without filter: **${spread(result.ratioToBaseline)}**`)
  console.log()
}
if (options.json !== undefined)
  writeFileSync(options.json, `${JSON.stringify({ nginx, node: process.version, results }, null, 2)}\n`)
