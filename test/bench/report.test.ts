import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js'
import { expect, it } from 'vitest'
import { benchModule } from './bench-module.js'

const { scenarioText } = (await benchModule('report/tables.mjs')) as {
  scenarioText(scenario: unknown): string
}
const { percentilePlot } = (await benchModule('report/percentile-plot.mjs')) as {
  percentilePlot(scenario: unknown, share: string): string | null
}

function closed(perSecond: number, cpuUs: number, why: readonly string[] = []): object {
  const rest = { p99Ms: 1, residentMiB: 50, voluntaryPerRequest: 0.1, involuntaryPerRequest: 0.1, errors: 0 }
  return { perSecond, cpuUs, void: why, ...rest }
}

function open(values: readonly number[], why: readonly string[] = []): object {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 600_000_000,
    numberOfSignificantValueDigits: 3,
  })
  for (const value of values) histogram.recordValue(value)
  const [p50Us, p99Us] = [histogram.getValueAtPercentile(50), histogram.getValueAtPercentile(99)]
  const response = { p50Us, p99Us, p999Us: p99Us, hdr: encodeIntoCompressedBase64(histogram) }
  return { ratePerSecond: 100, response, cpuUs: 20, errors: 0, void: why }
}

const LATENCIES = Array.from({ length: 1000 }, (_, index) => 100 + index)
const SCENARIO = { name: 's', title: 'Forward', why: 'Because.', kind: 'load', missing: [] }

it('ratios are taken within each round, and their median and spread are shown', () => {
  const rows = [
    { subject: 'direct', closed: [closed(100, 5), closed(200, 5)], open: {}, beside: [] },
    { subject: 'nginx', closed: [closed(50, 10), closed(100, 20)], open: {}, beside: [] },
    { subject: 'headgate', closed: [closed(40, 15), closed(80, 40)], open: {}, beside: [] },
  ]
  const line = scenarioText({ ...SCENARIO, rows })
    .split('\n')
    .find((text) => text.startsWith('| headgate'))
  expect(line).toContain('**1.75 (1.50–2.00)**')
  expect(line).toContain('| 0.40 (0.40–0.40) | 0.80 (0.80–0.80) |')
})

it('a round that does not count changes nothing but its own row, and the reason is told', () => {
  const rows = [
    {
      subject: 'nginx',
      closed: [closed(50, 10), closed(50, 10)],
      open: { 50: [open(LATENCIES, ['late'])] },
      beside: [],
    },
    {
      subject: 'headgate',
      closed: [closed(40, 15), closed(1, 999, ['the counters differ by 7'])],
      open: {},
      beside: [],
    },
  ]
  const text = scenarioText({ ...SCENARIO, rows, missing: [{ subject: 'varnish', reason: 'not installed' }] })
  expect(text).toContain('| headgate | **1.50 (1.50–1.50)**')
  expect(text).toContain('| nginx | **1.00 (1.00–1.00)**')
  expect(text).toContain('headgate: 1 round does not count, e.g. the counters differ by 7')
  expect(text).toContain('varnish: not measured, not installed')
  expect(text).toContain('refused')
})

it('what the configuration cannot do yet is named, without numbers', () => {
  const text = scenarioText({ ...SCENARIO, rows: [], notMeasured: 'the configuration has no `cache` yet' })
  expect(text).toContain('Not measured: the configuration has no `cache` yet.')
})

it('the percentile plot is an SVG with a line for each subject that has rounds that count', () => {
  const rows = [
    { subject: 'nginx', open: { 50: [open(LATENCIES)] } },
    { subject: 'headgate', open: { 50: [open(LATENCIES), open(LATENCIES)] } },
    { subject: 'varnish', open: { 50: [open(LATENCIES, ['late'])] } },
  ]
  const svg = percentilePlot({ ...SCENARIO, rows }, '50')
  expect(svg).toMatch(/^<svg /)
  expect(svg).toContain('headgate')
  expect(svg).not.toContain('varnish')
  expect(svg).not.toContain('NaN')
  expect(percentilePlot({ ...SCENARIO, rows }, '80')).toBeNull()
})
