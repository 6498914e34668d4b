import { duration, rate } from './format.js'
import { color } from './theme.js'
import uPlot from './uplot.js'

const FONT = '12px system-ui, sans-serif'

/**
 * A chart that fills its element and is drawn anew when the theme changes.
 * @param {HTMLElement} element
 * @param {() => object} options of uPlot, without size
 */
function chart(element, options) {
  let data = [[0], [null]]
  let plot = null
  const size = () => ({ width: Math.max(100, element.clientWidth), height: element.clientHeight })
  const rebuild = () => {
    plot?.destroy()
    plot = new uPlot({ ...options(), ...size() }, data, element)
  }
  new ResizeObserver(() => plot?.setSize(size())).observe(element)
  return {
    set(next) {
      data = next
      if (plot === null) rebuild()
      else plot.setData(next)
    },
    rebuild() {
      if (plot !== null) rebuild()
    },
  }
}

function axis(more) {
  return {
    stroke: color('quiet'),
    font: FONT,
    grid: { stroke: color('grid'), width: 1 },
    ticks: { stroke: color('grid'), width: 1, size: 4 },
    ...more,
  }
}

const TIME_LABELS = [
  [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
]

function overTime(lines, sync) {
  return () => ({
    padding: [8, 8, 0, 0],
    cursor: { sync: { key: sync }, y: false, points: { size: 6 } },
    legend: { show: false },
    scales: { x: { time: true }, y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] } },
    axes: [
      axis({ space: 70, values: TIME_LABELS, size: 28 }),
      axis({ size: 52, space: 30, values: (_, splits) => splits.map((value) => rate(value)) }),
    ],
    series: [
      {},
      ...lines.map(({ name, fill, width = 1.75 }) => ({
        stroke: color(name),
        width,
        points: { show: false },
        ...(fill === undefined ? {} : { fill: color(fill) }),
      })),
    ],
  })
}

/** Requests per second. Data: seconds, requests. @param {HTMLElement} element */
export function trafficChart(element) {
  return chart(element, overTime([{ name: 'accent', fill: 'accent-fill' }], 'time'))
}

/** Errors per second. Data: seconds, 5xx, 4xx, left by the client, refused. @param {HTMLElement} element */
export function troubleChart(element) {
  const lines = [
    { name: 'bad', fill: 'bad-fill' },
    { name: 'warn' },
    { name: 'phase-0' },
    { name: 'phase-1' },
  ]
  return chart(element, overTime(lines, 'time'))
}

/** `1/(1-p)` as a percentile. @param {number} odds */
function percentile(odds) {
  if (odds <= 1) return '0 %'
  if (odds === 2) return '50 %'
  return `${(100 - 100 / odds).toFixed(Math.max(0, Math.round(Math.log10(odds)) - 2))} %`
}

const ODDS = [1, 2, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/**
 * Latency by percentile, both axes logarithmic if wanted. Data: 1/(1-p), ms now, ms of the baseline.
 * @param {HTMLElement} element
 * @param {() => boolean} isLog whether the axis of latency is logarithmic
 */
export function curveChart(element, isLog) {
  const round = (ms) =>
    [1, 2, 5, 10].map((step) => step * 10 ** Math.floor(Math.log10(ms))).findLast((step) => step <= ms)
  const options = () => ({
    padding: [10, 16, 0, 0],
    cursor: { points: { size: 7 } },
    legend: { show: false },
    scales: {
      x: { time: false, distr: 3, log: 10, range: (_, __, max) => [1, Math.max(10, max ?? 10)] },
      y: isLog()
        ? { distr: 3, log: 10, range: (_, min, max) => [round(min || 0.1) ?? 0.1, (max || 1) * 1.2] }
        : { range: (_, __, max) => [0, (max || 1) * 1.1] },
    },
    axes: [
      axis({
        size: 30,
        splits: (plot) =>
          ODDS.filter((odds) => odds <= (plot.scales.x.max ?? 1) * 1.001 && (odds !== 2 || plot.width > 480)),
        filter: (_, splits) => splits,
        values: (_, splits) => splits.map(percentile),
      }),
      axis({
        size: 66,
        space: 34,
        values: (_, splits) => splits.map((ms) => (ms === null ? '' : duration(ms))),
      }),
    ],
    series: [
      {},
      { stroke: color('accent'), width: 2.5, fill: color('accent-fill'), points: { show: false } },
      { stroke: color('base'), width: 2, dash: [7, 5], points: { show: false } },
    ],
  })
  return chart(element, options)
}
