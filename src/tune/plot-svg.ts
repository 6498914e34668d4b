import type { TuneResult } from './run-tune.js'
import { expectedPerSecond } from './scaling-law.js'

const STEPS = 100

/** The optional package that draws is not installed. */
export class NoPlotter extends Error {
  override readonly name = 'NoPlotter'
}

/**
 * The curve as SVG: measured throughput, the law, and the 99th percentile where it is known.
 * @throws NoPlotter without the package `echarts`.
 */
export async function plotSvg({ points, law, choice }: TuneResult, title: string): Promise<string> {
  const echarts = await import('echarts').catch(() => {
    throw new NoPlotter(
      'drawing an SVG takes the package echarts, which is not installed: npm install echarts',
    )
  })
  const most = Math.max(...points.map(({ workers }) => workers))
  const curve =
    law === null
      ? []
      : Array.from({ length: STEPS + 1 }, (_, step) => 1 + ((most - 1) * step) / STEPS).map((workers) => [
          workers,
          Math.round(expectedPerSecond(law, workers)),
        ])
  const p99 = points.flatMap(({ workers, latencies }) =>
    latencies === null ? [] : [[workers, latencies.p99Us / 1000]],
  )
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 800, height: 480 })
  chart.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: { text: title, left: 'center' },
    legend: { bottom: 0 },
    grid: { left: 80, right: 80, top: 60, bottom: 90 },
    xAxis: {
      type: 'value',
      name: 'workers',
      nameLocation: 'middle',
      nameGap: 30,
      min: 0,
      max: most,
      minInterval: 1,
    },
    yAxis: [
      { type: 'value', name: 'requests/s', min: 0 },
      { type: 'value', name: 'p99 in ms', min: 0, splitLine: { show: false } },
    ],
    series: [
      { name: 'scaling law', type: 'line', data: curve, showSymbol: false, lineStyle: { type: 'dashed' } },
      {
        name: 'measured',
        type: 'scatter',
        symbolSize: 10,
        data: points.map(({ workers, perSecond }) => ({
          value: [workers, Math.round(perSecond)],
          ...(workers === choice.workers && {
            symbol: 'diamond',
            symbolSize: 20,
            label: { show: true, position: 'top', formatter: 'chosen' },
          }),
        })),
      },
      { name: 'p99 at 70 % of it', type: 'line', yAxisIndex: 1, data: p99 },
    ],
  })
  const svg = chart.renderToSVGString()
  chart.dispose()
  return svg
}
