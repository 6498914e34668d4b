/** Labels as they stand in the text, braces included ('' for none), and the value. Of a histogram the suffix stands before them. */
export type Sample = readonly [labels: string, value: number]

/** One family of samples: name without prefix, type, help, samples. A counter's name ends in `_total`. */
export type Metric = readonly [
  name: string,
  type: 'counter' | 'gauge' | 'histogram',
  help: string,
  samples: readonly Sample[],
]

/** Labels in braces, values escaped. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`)
    .join(',')}}`
}

function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`
}

/** Content types of the two formats. */
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
export const OPENMETRICS_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** Prometheus text format 0.0.4. */
export function prometheusText(metrics: readonly Metric[]): string {
  return `${metrics.flatMap((metric) => lines(metric, metric[0])).join('\n')}\n`
}

/** OpenMetrics 1.0: the family of a counter is named without `_total`, and the text says where it ends. */
export function openMetricsText(metrics: readonly Metric[]): string {
  const all = metrics.flatMap((metric) => {
    const [name, type] = metric
    return lines(metric, type === 'counter' ? name.replace(/_total$/, '') : name)
  })
  return `${all.join('\n')}\n# EOF\n`
}

function lines([name, type, help, samples]: Metric, family: string): string[] {
  return [
    `# HELP headgate_${family} ${help}`,
    `# TYPE headgate_${family} ${type}`,
    ...samples.map(([labels, value]) => `headgate_${name}${labels} ${value}`),
  ]
}
