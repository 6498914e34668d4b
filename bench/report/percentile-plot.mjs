import * as echarts from 'echarts'
import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js'
import { sound } from './tables.mjs'

const WIDTH = 860
const HEIGHT = 420
/** Points for each factor of ten on the axis of percentiles. */
const STEPS = 24
const LABELS = { 1: '0 %', 10: '90 %', 100: '99 %', 1000: '99.9 %', 10000: '99.99 %', 100000: '99.999 %' }

/**
 * Percentiles of the open-loop rounds of a scenario at one load, as SVG: logarithmic in 1/(1 − p), so that the tail shows.
 * @param share key of the rows' `open`, `50`; where that was more than the generator can offer, the line is of what it could
 * @returns null where no round counts
 */
export function percentilePlot(scenario, share) {
  const series = scenario.rows.flatMap(({ subject, open }) => {
    const rounds = sound(open[share] ?? open.limit ?? [])
    return rounds.length === 0
      ? []
      : [
          {
            name:
              open[share] === undefined ? `${subject} (${Math.round(rounds[0].ratePerSecond)}/s)` : subject,
            type: 'line',
            showSymbol: false,
            data: points(merged(rounds)),
          },
        ]
  })
  if (series.length === 0) return null
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: {
      text: `${scenario.title}: response time at ${share} % of each one's highest throughput`,
      left: 'center',
      textStyle: { fontSize: 14 },
    },
    legend: { top: 28 },
    grid: { left: 70, right: 30, top: 70, bottom: 50 },
    xAxis: {
      type: 'log',
      min: 1,
      name: 'percentile',
      nameLocation: 'middle',
      nameGap: 30,
      axisLabel: { formatter: (value) => LABELS[value] ?? '' },
    },
    yAxis: { type: 'log', name: 'ms', axisLabel: { formatter: (value) => String(value) } },
    series,
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}

/** One histogram of all rounds. */
function merged(rounds) {
  const all = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  })
  for (const { response } of rounds) all.add(decodeFromCompressedBase64(response.hdr))
  return all
}

function points(histogram) {
  const last = Math.log10(Math.max(10, histogram.totalCount)) * STEPS
  return Array.from({ length: Math.floor(last) + 1 }, (_, step) => {
    const x = 10 ** (step / STEPS)
    return [x, Math.max(1, histogram.getValueAtPercentile(100 * (1 - 1 / x))) / 1000]
  })
}
