import { median, spread } from '../lib/stats.mjs'

/** A scenario as Markdown: why, tables, what is missing. */
export function scenarioText(scenario) {
  const parts = [`### ${scenario.title}`, scenario.why]
  if (scenario.notMeasured !== undefined)
    return [...parts, `Not measured: ${scenario.notMeasured}.`].join('\n\n')
  parts.push(scenario.kind === 'beside' ? besideTable(scenario) : closedTable(scenario))
  const latency = latencyTable(scenario)
  if (latency !== null) parts.push(latency)
  const remarks = remarksOf(scenario)
  if (remarks.length > 0) parts.push(remarks.map((text) => `- ${text}`).join('\n'))
  return parts.join('\n\n')
}

export function table(head, rows) {
  return [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n')
}

/** Rounds that count. */
export const sound = (rounds) => rounds.filter((round) => round.void.length === 0)

/** `median (min–max)` of the ratio in rounds that are sound on both sides; `–` where there are none. */
function ratio(row, base, key) {
  if (base === undefined) return '–'
  const values = row.closed.flatMap((round, index) => {
    const other = base.closed[index]
    const usable = other !== undefined && round.void.length === 0 && other.void.length === 0
    return usable && other[key] > 0 ? [round[key] / other[key]] : []
  })
  return values.length === 0 ? '–' : spread(values)
}

const show = (values, decimals) => (values.length === 0 ? 'void' : spread(values, decimals))
const ms = (us) => (us / 1000).toFixed(us < 10_000 ? 2 : 0)
const errorsOf = (rounds) => rounds.reduce((sum, { errors }) => sum + errors, 0)

function closedTable({ rows, baseline }) {
  const direct = rows.find(({ subject }) => subject === 'direct')
  const base = rows.find(({ subject }) => subject === (baseline ?? 'nginx'))
  const name = baseline ?? 'nginx'
  const head = [
    '',
    `CPU µs per request / ${name}`,
    'throughput / direct',
    `throughput / ${name}`,
    'CPU µs per request',
    'requests/s',
    'p99 ms, closed',
    'RSS MiB',
    'context switches per request',
    'errors',
  ]
  return table(
    head,
    rows.map((row) => {
      const good = sound(row.closed)
      const of = (key) => good.map((round) => round[key])
      return [
        row.subject,
        row.subject === 'direct' ? '–' : `**${ratio(row, base, 'cpuUs')}**`,
        ratio(row, direct, 'perSecond'),
        ratio(row, base, 'perSecond'),
        row.subject === 'direct' ? `${show(of('cpuUs'), 1)}, the origin's` : show(of('cpuUs'), 1),
        good.length === 0 ? 'void' : String(Math.round(median(of('perSecond')))),
        show(of('p99Ms'), 1),
        good.length === 0 ? 'void' : String(Math.round(Math.max(...of('residentMiB')))),
        good.length === 0
          ? 'void'
          : median(good.map((round) => round.voluntaryPerRequest + round.involuntaryPerRequest)).toFixed(2),
        String(errorsOf(row.closed)),
      ]
    }),
  )
}

function latencyTable({ rows }) {
  const shares = [...new Set(rows.flatMap(({ open }) => Object.keys(open)))]
  if (shares.length === 0) return null
  const head = [
    'open loop',
    'load',
    'offered/s',
    'p50 ms',
    'p99 ms',
    'p99.9 ms',
    'CPU µs per request',
    'errors',
    'rounds that count',
  ]
  return table(
    head,
    rows.flatMap(({ subject, open }) =>
      shares.map((share) => {
        const rounds = open[share] ?? []
        const good = sound(rounds)
        const of = (key) =>
          good.length === 0 ? 'refused' : spreadMs(good.map(({ response }) => response[key]))
        return [
          subject,
          `${share} %`,
          rounds.length === 0 ? '–' : String(Math.round(rounds[0].ratePerSecond)),
          of('p50Us'),
          of('p99Us'),
          of('p999Us'),
          show(
            good.map(({ cpuUs }) => cpuUs),
            1,
          ),
          String(errorsOf(rounds)),
          `${good.length} of ${rounds.length}`,
        ]
      }),
    ),
  )
}

function spreadMs(values) {
  return `${ms(median(values))} (${ms(Math.min(...values))}–${ms(Math.max(...values))})`
}

function besideTable({ rows }) {
  return table(
    [
      '',
      'p99 with / without',
      'p50 ms without',
      'p99 ms without',
      'p50 ms with',
      'p99 ms with',
      'requests that burned',
      'errors',
      'rounds that count',
    ],
    rows.map(({ subject, beside }) => {
      const good = sound(beside)
      const of = (side, key) =>
        good.length === 0 ? 'refused' : spreadMs(good.map((round) => round[side][key]))
      return [
        subject,
        good.length === 0
          ? 'refused'
          : `**${spread(
              good.map((round) => round.beside.p99Us / round.alone.p99Us),
              1,
            )}**`,
        of('alone', 'p50Us'),
        of('alone', 'p99Us'),
        of('beside', 'p50Us'),
        of('beside', 'p99Us'),
        String(beside.reduce((sum, { burned }) => sum + burned, 0)),
        String(errorsOf(beside)),
        `${good.length} of ${beside.length}`,
      ]
    }),
  )
}

/** What did not count, and who was not there. */
function remarksOf({ rows, missing }) {
  const remarks = missing.map(({ subject, reason }) => `${subject}: not measured, ${reason}`)
  for (const { subject, closed, open, beside } of rows) {
    const reasons = [...closed, ...Object.values(open).flat(), ...beside].flatMap((round) => round.void)
    // The same reason with other numbers is the same reason.
    const kinds = new Map()
    for (const reason of reasons) {
      const kind = reason.replace(/[\d.]+/g, '#')
      const { count, example } = kinds.get(kind) ?? { count: 0, example: reason }
      kinds.set(kind, { count: count + 1, example })
    }
    for (const { count, example } of kinds.values()) {
      remarks.push(
        `${subject}: ${count} ${count === 1 ? 'round does' : 'rounds do'} not count, e.g. ${example}`,
      )
    }
  }
  return remarks
}
