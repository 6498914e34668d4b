import { median, spread } from '../lib/stats.mjs'

/** A scenario as Markdown: why, tables, what is missing. */
export function scenarioText(scenario) {
  const parts = [`### ${scenario.title}`, scenario.why]
  if (scenario.notMeasured !== undefined)
    return [...parts, `Not measured: ${scenario.notMeasured}.`].join('\n\n')
  parts.push(tableOf(scenario))
  const latency = latencyTable(scenario)
  if (latency !== null) parts.push(latency)
  const remarks = remarksOf(scenario)
  if (remarks.length > 0) parts.push(remarks.map((text) => `- ${text}`).join('\n'))
  return parts.join('\n\n')
}

function tableOf(scenario) {
  if (scenario.kind === 'beside' || scenario.kind === 'reload') return besideTable(scenario)
  return scenario.kind === 'stampede' ? stampedeTable(scenario) : closedTable(scenario)
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

/** Was the generator what limited most rounds? Then the throughput is at least what was measured. */
const isLimited = (row) => {
  const good = sound(row?.closed ?? [])
  return good.filter(({ limited = [] }) => limited.length > 0).length * 2 > good.length
}

/** A ratio of throughputs of which one or the other is only known to be at least so high. */
function throughputRatio(row, base) {
  const text = ratio(row, base, 'perSecond')
  if (text === '–' || row === base) return text
  const [above, below] = [isLimited(row), isLimited(base)]
  if (above && below) return '–'
  return `${above ? '≥ ' : ''}${below ? '≤ ' : ''}${text}`
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
        throughputRatio(row, direct),
        throughputRatio(row, base),
        row.subject === 'direct' ? `${show(of('cpuUs'), 1)}, the origin's` : show(of('cpuUs'), 1),
        good.length === 0 ? 'void' : `${isLimited(row) ? '≥ ' : ''}${Math.round(median(of('perSecond')))}`,
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
  if (rows.every(({ open }) => Object.keys(open).length === 0)) return null
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
      Object.entries(open).map(([share, rounds]) => {
        const good = sound(rounds)
        const of = (key) =>
          good.length === 0 ? 'refused' : spreadMs(good.map(({ response }) => response[key]))
        return [
          subject,
          share === 'limit' ? 'what the generator can offer' : `${share} %`,
          String(Math.round(rounds[0].ratePerSecond)),
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

function besideTable({ kind, rows }) {
  const done = kind === 'reload' ? 'reloads' : 'requests that burned'
  return table(
    [
      '',
      'p99 with / without',
      'p50 ms without',
      'p99 ms without',
      'p50 ms with',
      'p99 ms with',
      'longest ms with',
      done,
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
        of('beside', 'maxUs'),
        String(beside.reduce((sum, round) => sum + round.done, 0)),
        String(errorsOf(beside)),
        `${good.length} of ${beside.length}`,
      ]
    }),
  )
}

function stampedeTable({ rows }) {
  return table(
    [
      '',
      'answers for each request to the origin',
      'requests of clients',
      'requests at the origin',
      'ms until the last client has it',
      'errors',
      'rounds that count',
    ],
    rows.map(({ subject, stampede }) => {
      const good = sound(stampede)
      const sum = (key) => good.reduce((total, round) => total + round[key], 0)
      return [
        subject,
        good.length === 0
          ? 'void'
          : `**${spread(
              good.map(({ perFetch }) => perFetch),
              1,
            )}**`,
        String(sum('answered') + sum('errors')),
        String(sum('atOrigin')),
        good.length === 0
          ? 'void'
          : spread(
              good.flatMap(({ waitsMs }) => waitsMs),
              0,
            ),
        String(errorsOf(stampede)),
        `${good.length} of ${stampede.length}`,
      ]
    }),
  )
}

/** What did not count, and who was not there. */
function remarksOf({ rows, missing }) {
  const remarks = missing.map(({ subject, reason }) => `${subject}: not measured, ${reason}`)
  for (const row of rows) {
    const { subject, closed, open, beside, stampede } = row
    const all = [...closed, ...Object.values(open).flat(), ...(beside ?? []), ...(stampede ?? [])]
    const limits = sound(closed).flatMap(({ limited = [] }) => limited)
    if (isLimited(row))
      remarks.push(
        `${subject}: the generator was the limit (${limits[0]}), so the throughput is at least this`,
      )
    const reasons = all.flatMap((round) => round.void)
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
