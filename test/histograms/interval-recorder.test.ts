import fc from 'fast-check'
import { HistogramLogReader, Int32Histogram } from 'hdr-histogram-js'
import { describe, expect, it } from 'vitest'
import {
  BUCKET_BOUNDS_S,
  classicHistogram,
  HistogramStore,
  IntervalRecorder,
  intervalLog,
  percentileCurve,
  percentileText,
} from '#src/histograms/index.js'

describe('windows of the last seconds', () => {
  it('hold what was recorded between the ticks, whatever it was, of all writers', () => {
    const values = fc.array(
      fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 5_000_000 })), { maxLength: 20 }),
      {
        minLength: 1,
        maxLength: 70,
      },
    )
    fc.assert(
      fc.property(values, (seconds) => {
        const store = new HistogramStore(3, 2)
        const recorder = new IntervalRecorder(store, 0)
        for (const [index, recorded] of seconds.entries()) {
          for (const [writer, us] of recorded) store.recorder(writer).record(1, 'total', us / 1000)
          recorder.tick((index + 1) * 1000)
        }
        for (const window of [1, 10, 60]) {
          const expected = new Int32Histogram(1, 600_000_000, 3)
          for (const [, us] of seconds.slice(-window).flat())
            expected.recordValue(Math.floor((us / 1000) * 1000))
          const merged = recorder.merged('total', 1, window)
          expect(merged.totalCount).toBe(expected.totalCount)
          for (const p of [0, 50, 99, 100])
            expect(merged.getValueAtPercentile(p)).toBe(expected.getValueAtPercentile(p))
          expect(recorder.merged('total', 0, window).totalCount).toBe(0)
          expect(recorder.merged('total', null, window).totalCount).toBe(expected.totalCount)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('begin empty where the store is not: what came before the first tick is of no window', () => {
    const store = new HistogramStore(1, 1)
    store.recorder(0).record(0, 'total', 5)
    const recorder = new IntervalRecorder(store, 0)
    recorder.tick(1000)
    expect(recorder.merged('total', 0, 60).totalCount).toBe(0)
  })

  it('a route that is told to be idle is not looked at; what it has is found as soon as it is', () => {
    const store = new HistogramStore(1, 1)
    const recorder = new IntervalRecorder(store, 0)
    store.recorder(0).record(0, 'total', 5)
    recorder.tick(1000, () => false)
    expect(recorder.merged('total', 0, 60).totalCount).toBe(0)
    recorder.tick(2000)
    expect(recorder.merged('total', 0, 60).totalCount).toBe(1)
  })

  it('are a log with a line for each second, read back by the public reader', () => {
    const store = new HistogramStore(1, 1)
    const startMs = 1_700_000_000_000
    const recorder = new IntervalRecorder(store, startMs)
    for (const second of [1, 2, 3]) {
      for (let i = 0; i < second; i += 1) store.recorder(0).record(0, 'total', second)
      recorder.tick(startMs + second * 1000)
    }
    const reader = new HistogramLogReader(intervalLog(recorder, ['/*'], startMs, 2, { phase: 'total' }))
    const found = [reader.nextIntervalHistogram(), reader.nextIntervalHistogram()]
    expect(found.map((histogram) => histogram?.totalCount)).toEqual([2, 3])
    expect(found.map((histogram) => histogram?.tag)).toEqual(['/*:total', '/*:total'])
    expect(found.map((histogram) => histogram?.startTimeStampMsec)).toEqual([startMs + 1000, startMs + 2000])
    expect(reader.nextIntervalHistogram()).toBeNull()
  })
})

describe('other forms of the counts', () => {
  it('classic buckets agree with counting the values themselves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 12_000_000 })), (values) => {
        const store = new HistogramStore(2, 1)
        for (const [index, us] of values.entries()) store.recorder(index % 2).record(0, 'total', us / 1000)
        const { cumulative, count, sumS } = classicHistogram(store, 0, 'total')
        expect(count).toBe(values.length)
        for (const [index, boundS] of BUCKET_BOUNDS_S.entries()) {
          // A slot is a thousandth wide: values that near to the bound may fall on either side.
          const atLeast = values.filter((us) => us <= boundS * 1e6 * 0.999).length
          const atMost = values.filter((us) => us <= boundS * 1e6 * 1.001).length
          expect(cumulative[index]).toBeGreaterThanOrEqual(atLeast)
          expect(cumulative[index]).toBeLessThanOrEqual(atMost)
        }
        const sum = values.reduce((all, us) => all + us, 0) / 1e6
        expect(Math.abs(sumS - sum)).toBeLessThanOrEqual(sum * 0.001 + values.length * 1e-6)
      }),
      { numRuns: 40 },
    )
  })

  it('the curve goes from the least value to where one value decides, and never falls', () => {
    const store = new HistogramStore(1, 1)
    for (let ms = 1; ms <= 1000; ms += 1) store.recorder(0).record(0, 'total', ms)
    const curve = percentileCurve(store.merged('total', 0))
    expect(curve[0]?.[0]).toBe(0)
    expect(curve.at(-1)?.[0]).toBeCloseTo(99.9)
    const values = curve.map(([, ms]) => ms)
    expect(values).toEqual([...values].sort((a, b) => a - b))
    const ninety = curve.find(([percentile]) => Math.abs(percentile - 90) < 0.001)?.[1] ?? 0
    expect(ninety).toBeGreaterThan(899)
    expect(ninety).toBeLessThan(902)
    expect(percentileCurve(store.merged('queue', 0))).toEqual([])
  })

  it('the distribution as text is that of the HdrHistogram tools, in milliseconds', () => {
    const store = new HistogramStore(1, 1)
    for (let ms = 1; ms <= 100; ms += 1) store.recorder(0).record(0, 'total', ms)
    const text = percentileText(store, ['/*'], { phase: 'total' })
    expect(text).toContain(
      '# /*:total, milliseconds\n       Value     Percentile TotalCount 1/(1-Percentile)',
    )
    expect(text).toMatch(/100\.0\d\d 1\.0+ +100\n/)
    expect(text).toContain('#[Mean    =')
  })
})
