import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { microText } from './micro-text.mjs'
import { percentilePlot } from './percentile-plot.mjs'
import { scenarioText, table } from './tables.mjs'

const BENCH = fileURLToPath(new URL('..', import.meta.url))

/**
 * Writes the report and its plots from the results of a run, and puts the hand-written notes of `bench/notes` at their places. The plots of
 * BENCHMARKS.md lie in `bench/plots`, those of another report in a folder beside it, that is called after it.
 */
export function writeReport(results, file) {
  const folder =
    resolve(file) === join(BENCH, '../BENCHMARKS.md')
      ? join(BENCH, 'plots')
      : `${file.replace(/\.md$/, '')}-plots`
  mkdirSync(folder, { recursive: true })
  const sections = [
    '# Benchmarks',
    `<!-- Made by \`npm run bench\` out of its results and of bench/notes/*.md: edit those. -->`,
    summary(results),
    note('method'),
    '## Machine and versions',
    machineTable(results),
    subjectsTable(results),
    '## Results',
    ...results.scenarios.map((scenario) => `${scenarioText(scenario)}${plots(scenario, folder, file)}`),
    '## What was not measured, and why',
    notMeasured(results),
    ...freezeSection(results.freeze),
    ...microSection(results.micros ?? lastMicros()),
    ...ownNotes(),
  ]
  writeFileSync(file, `${sections.join('\n\n')}\n`)
}

function summary({ quick, rounds, seconds, date, command, minutes }) {
  const kind = quick ? '**A quick run: few scenarios and short rounds, indicative only.** ' : ''
  return `${kind}Ratios taken in one run, rounds interleaved (A B C A B C), medians of ${rounds} with min–max; closed-loop rounds of ${seconds} s. Run on ${date} in ${minutes.toFixed(0)} minutes with \`${command}\`.`
}

function note(name) {
  return readFileSync(join(BENCH, 'notes', `${name}.md`), 'utf8').trim()
}

function machineTable({ machine, closedLoop }) {
  const { cpu, cores, memoryGiB, kernel, governor, cgroupQuota, virtual, node, commit, loadBefore } = machine
  return table(
    ['', ''],
    [
      ['CPU', `${cpu}, ${cores} cores${virtual ? ', virtual machine' : ''}`],
      ['Memory', `${memoryGiB} GiB`],
      ['Kernel', kernel],
      ['Governor', governor],
      ['CPU quota of the control group', cgroupQuota],
      [
        'Load of the machine before the run',
        `${loadBefore.toFixed(1)}${loadBefore > 0.5 ? ': **not quiet**' : ''}`,
      ],
      ['Node', node],
      ['Headgate, commit', commit ?? 'not a checkout'],
      ['Closed loop by', closedLoop],
    ],
  )
}

function subjectsTable({ subjects }) {
  const rows = Object.entries(subjects).map(([name, { missing, version, setup }]) => [
    name,
    missing === null ? version : `**${missing}**`,
    setup,
  ])
  return table(['', 'version', 'set up with'], rows)
}

function plots(scenario, folder, file) {
  if (scenario.kind !== 'load' || scenario.notMeasured !== undefined) return ''
  const svg = percentilePlot(scenario, '50')
  if (svg === null) return ''
  const path = join(folder, `${scenario.name}.svg`)
  writeFileSync(path, svg)
  return `\n\n![Percentiles: ${scenario.title}](${relative(dirname(file), path)})`
}

function notMeasured({ scenarios, subjects, quick }) {
  const lines = [
    ...scenarios
      .filter((scenario) => scenario.notMeasured !== undefined)
      .map(({ title, notMeasured: why }) => `${title}: ${why}.`),
    ...Object.entries(subjects).flatMap(([name, { missing }]) =>
      missing === null ? [] : [`${name}: ${missing}.`],
    ),
    ...scenarios.flatMap(({ title, missing }) =>
      missing.map(({ subject, reason }) => `${title}, ${subject}: ${reason}.`),
    ),
    ...(quick ? ['All scenarios that `--quick` leaves out, and the freeze experiment.'] : []),
  ]
  const listed = [...new Set(lines)].map((line) => `- ${line}`).join('\n')
  return [listed, note('limits')].filter((text) => text !== '').join('\n\n')
}

function freezeSection(freeze) {
  if (freeze === null) return []
  const { seconds, freezeMs, ratePerSecond, responseP99Us, serviceP99Us, refusals } = freeze
  const ms = (us) => (us / 1000).toFixed(1)
  const text = `The origin stood still for ${freezeMs} ms of ${seconds} s at ${ratePerSecond} requests/s. 99th percentile from when requests were due: **${ms(responseP99Us)} ms**; from when they were sent, as a generator tells that waits: ${ms(serviceP99Us)} ms.`
  const refused = refusals.length === 0 ? '' : ` The generator refused this run: ${refusals.join('; ')}.`
  return ['## The generator itself', `${text}${refused}`]
}

function lastMicros() {
  const file = join(BENCH, 'results/micro.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null
}

/** Micro-benchmarks of the run; of the last `npm run bench:micro` where the run had none. */
function microSection(micros) {
  if (micros === null) return []
  const { date, short, documents } = micros
  const how = short ? 'in their short form, within the run' : `in full length, on ${date}`
  return [
    '## Micro-benchmarks',
    `The parts, each alone in a process of its own, ${how} (\`npm run bench:micro\` for full length). CPU is that of all threads of the process; medians with min–max.`,
    ...documents.map((document) => microText(document)),
  ]
}

/** Everything that was written by hand, apart from the two notes that have a place of their own. */
function ownNotes() {
  return readdirSync(join(BENCH, 'notes'))
    .filter((name) => name.endsWith('.md') && !['method.md', 'limits.md'].includes(name))
    .sort()
    .map((name) => note(name.slice(0, -'.md'.length)))
}
