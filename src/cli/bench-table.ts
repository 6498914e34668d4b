import type { BenchResult, BenchRound } from '../load/index.js'

/** One line of progress. */
export function roundLine({ subject, load, report, cpuUs }: BenchRound): string {
  const { p50Us, p99Us } = report.response
  const speed = `${Math.round(report.perSecond)}/s, p50 ${ms(p50Us)}, p99 ${ms(p99Us)}, ${cpuUs.toFixed(1)} µs`
  const refused = report.refusals.length > 0 ? `; does not count: ${report.refusals.join('; ')}` : ''
  return `${subject} ${load}: ${speed}${refused}`
}

/** Medians of the rounds that count, as text for a terminal. */
export function benchTable({ workers, acceptor, rounds }: BenchResult): string {
  const head = ['', 'load', 'requests/s', 'p50', 'p99', 'p99.9', 'CPU per request', 'errors', 'rounds']
  const groups = new Map<string, BenchRound[]>()
  for (const round of rounds) {
    const key = `${round.subject} ${round.load}`
    groups.set(key, [...(groups.get(key) ?? []), round])
  }
  const lines = [head, ...[...groups.values()].map(groupLine)]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${workers} worker${workers === 1 ? '' : 's'}, acceptor ${acceptor}; CPU of direct is the origin's\n\n${text.join('\n')}\n`
}

function groupLine(rounds: readonly BenchRound[]): string[] {
  const sound = rounds.filter(({ report }) => report.refusals.length === 0)
  const of = (pick: (round: BenchRound) => number, show: (value: number) => string): string =>
    sound.length === 0 ? 'refused' : show(median(sound.map(pick)))
  const errors = rounds.reduce((sum, { report }) => sum + report.requests - report.answered, 0)
  return [
    rounds[0]?.subject ?? '',
    rounds[0]?.load ?? '',
    of(
      ({ report }) => report.perSecond,
      (value) => String(Math.round(value)),
    ),
    of(({ report }) => report.response.p50Us, ms),
    of(({ report }) => report.response.p99Us, ms),
    of(({ report }) => report.response.p999Us, ms),
    of(
      ({ cpuUs }) => cpuUs,
      (value) => `${value.toFixed(1)} µs`,
    ),
    String(errors),
    `${sound.length} of ${rounds.length}`,
  ]
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

function ms(us: number): string {
  return `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`
}
