import { detectMachine, type Machine, usableCores } from '../config/machine.js'
import type { WorkerCount } from '../config/types.js'
import type { Choice } from './choose.js'
import { LIMIT_TEXT, limitOf } from './limit.js'
import { plotText, thousands } from './plot-text.js'
import type { TuneResult } from './run-tune.js'
import type { ScalingLaw } from './scaling-law.js'
import type { Slo } from './slo.js'
import type { Point } from './types.js'

/** From this share of the memory on there is a word about it. */
const MUCH_MEMORY = 0.7

/** What was detected, and what the gateway would do without tuning: the lines before a run. */
export function machineText(machine: Machine, auto: WorkerCount): string {
  const { cores, affinityCores, quotaCores, memoryBytes, memoryLimitBytes, cpu } = machine
  const parts = [
    affinityCores === cores ? `${cores} cores` : `${affinityCores} of ${cores} cores by affinity`,
    quotaCores === null ? 'no CPU quota' : `a CPU quota of ${Number(quotaCores.toFixed(2))} cores`,
    memoryLimitBytes === null
      ? `${gibibytes(memoryBytes)} of memory`
      : `a memory limit of ${gibibytes(memoryLimitBytes)}`,
  ]
  return `machine   ${parts.join(', ')} (${cpu})\ndefault   ${auto.count} (${auto.reason})`
}

/** The result for a terminal: plot, table, choice and why. */
export function reportText(result: TuneResult, slo: Slo | null, machine: Machine = detectMachine()): string {
  const { points, law, choice } = result
  const paragraphs = [plotText(result), table(points, choice), why(result, slo, machine)]
  if (law !== null) paragraphs.push(lawText(law, points))
  return `${paragraphs.join('\n\n')}\n`
}

function table(points: readonly Point[], choice: Choice): string {
  const head = [
    'workers',
    'req/s',
    '±',
    'p50',
    'p99',
    'p99.9',
    'CPU/req',
    'acceptor',
    'workers',
    'memory',
    'limit',
  ]
  const rows = points.map((point) => {
    const { latencies } = point
    return [
      `${point.workers === choice.workers ? '◆ ' : ''}${point.workers}`,
      thousands(point.perSecond),
      point.rounds === 1 ? '' : percent(point.spread / 2),
      ...(latencies === null
        ? ['?', '?', '?']
        : [latencies.p50Us, latencies.p99Us, latencies.p999Us].map(milliseconds)),
      `${point.cpuUsPerRequest.toFixed(0)} µs`,
      percent(point.acceptorBusy),
      percent(point.workersBusy),
      `${Math.round(point.residentBytes / 2 ** 20)} MiB`,
      limitOf(point),
    ]
  })
  const widths = head.map((name, index) =>
    Math.max(name.length, ...rows.map((row) => row[index]?.length ?? 0)),
  )
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, index) => (index === row.length - 1 ? cell : cell.padStart(widths[index] ?? 0)))
        .join('  '),
    )
    .join('\n')
}

function why({ points, choice, limit }: TuneResult, slo: Slo | null, machine: Machine): string {
  const { workers, nearBest, confidence, doubts } = choice
  const lines = [`workers: ${workers}`, '', `  ${ruleText(choice, slo)}`, `  ${limit}: ${LIMIT_TEXT[limit]}`]
  const chosen = points.find((point) => point.workers === workers)
  if (limit === 'worker-bound' && points.at(-1)?.workers === workers) {
    lines.push(`  More than ${workers} were not tried: there are ${usableCores(machine)} cores.`)
  }
  const more = nearBest.filter((count) => count > workers)
  if (choice.rule === 'fewest-near-best' && more.length > 0) {
    lines.push(`  ${more.join(', ')} bring less than 3 % more, and cost memory and connections to upstreams.`)
  }
  const memory = machine.memoryLimitBytes ?? machine.memoryBytes
  if (chosen !== undefined && chosen.residentBytes > memory * MUCH_MEMORY) {
    lines.push(`  Memory: it took ${percent(chosen.residentBytes / memory)} of what there is.`)
  }
  lines.push(`  confidence: ${confidence}${doubts.length === 0 ? '' : ` (${doubts.join('; ')})`}`)
  return lines.join('\n')
}

function ruleText({ rule, meetsSlo, nearBest }: Choice, slo: Slo | null): string {
  const kept = slo === null || meetsSlo !== true ? '' : `, and ${slo.text} holds`
  switch (rule) {
    case 'fewest-near-best':
      return nearBest.length === 1
        ? `It is the fastest by more than 3 %${kept}.`
        : `The fewest within 3 % of the fastest${kept}.`
    case 'fastest-within-slo':
      return `The fastest for which ${slo?.text} holds; faster ones do not keep it.`
    case 'closest-to-slo':
      return `No number of workers keeps ${slo?.text}: this one comes closest.`
  }
}

function lawText(law: ScalingLaw, points: readonly Point[]): string {
  const { perWorkerPerSecond, contention, coherency, knee, error } = law
  if (points.length < 3) return 'scaling law: too few counts to tell more than the table'
  const top = Number.isFinite(knee) ? `throughput peaks at ${knee.toFixed(1)} workers` : 'no peak'
  return `scaling law: ${thousands(perWorkerPerSecond)} req/s for the first worker, contention ${percent(contention)}, coherency ${percent(coherency)}; ${top} (error ${percent(error)})`
}

function milliseconds(us: number): string {
  const ms = us / 1000
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`
}

function percent(share: number): string {
  return `${share > 0 && share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
