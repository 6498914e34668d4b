import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { percentilePlot } from './percentile-plot.mjs'
import { scenarioText, table } from './tables.mjs'

const BENCH = fileURLToPath(new URL('..', import.meta.url))

/** Writes the report and its plots from the results of a run, and puts the hand-written notes of `bench/notes` at their places. */
export function writeReport(results, file) {
  mkdirSync(join(BENCH, 'plots'), { recursive: true })
  const sections = [
    '# Benchmarks',
    `<!-- Made by \`npm run bench\` out of its results and of bench/notes/*.md: edit those. -->`,
    summary(results),
    note('method'),
    '## Machine and versions',
    machineTable(results),
    subjectsTable(results),
    '## Results',
    ...results.scenarios.map((scenario) => `${scenarioText(scenario)}${plots(scenario, file)}`),
    '## What was not measured, and why',
    notMeasured(results),
    ...freezeSection(results.freeze),
    ...microSection(),
    note('parts'),
    note('history'),
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
  const { cpu, cores, memoryGiB, kernel, governor, cgroupQuota, virtual, node, loadBefore } = machine
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

function plots(scenario, file) {
  if (scenario.kind !== 'load' || scenario.notMeasured !== undefined) return ''
  const svg = percentilePlot(scenario, '50')
  if (svg === null) return ''
  const path = join(BENCH, 'plots', `${scenario.name}.svg`)
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

/** Of the last `npm run bench:micro`, if there was one. */
function microSection() {
  const file = join(BENCH, 'results/micro.json')
  if (!existsSync(file)) return []
  const { date, groups } = JSON.parse(readFileSync(file, 'utf8'))
  const rows = groups.flatMap(({ title, entries = [] }) =>
    entries.map(({ name, nanoseconds, ratio }, index) => [
      index === 0 ? title : '',
      name,
      nanoseconds,
      ratio,
    ]),
  )
  const micro = [
    '## Micro-benchmarks',
    `\`npm run bench:micro\`, ${date}.`,
    table(['', '', 'ns', 'ratio'], rows),
  ]
  return [...micro, ...hitRatios(groups.filter(({ curve }) => curve !== undefined))]
}

/** Curves of hit ratios over the room that a cache has. */
function hitRatios(groups) {
  if (groups.length === 0) return []
  const percent = (share) => `${(100 * share).toFixed(1)} %`
  const rows = groups.flatMap(({ title, curve }) =>
    curve.map(({ room, s3Fifo, lru, tinyLfu }, index) => [
      index === 0 ? title : '',
      room,
      percent(s3Fifo),
      percent(lru),
      percent(tinyLfu),
    ]),
  )
  const isReal = groups.some(({ title }) => title.startsWith('trace '))
  const text = `What is asked for is found, by how many answers of 700 bytes the cache has room for; LRU is \`lru-cache\`, TinyLFU a plain W-TinyLFU.${isReal ? '' : ' Made workloads only: no real trace was there.'}`
  return [
    '### Hit ratios of the cache',
    text,
    table(['', 'room for', 'S3-FIFO (headgate)', 'LRU', 'TinyLFU'], rows),
  ]
}
