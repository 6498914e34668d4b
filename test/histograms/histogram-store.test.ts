import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { Float64Histogram, HistogramLogReader } from 'hdr-histogram-js'
import { expect, it } from 'vitest'
import { HistogramStore } from '#src/histograms/histogram-store.js'
import { histogramLog, summaries, summarize } from '#src/histograms/index.js'
import { HIGHEST_US, SLOTS, slotOf } from '#src/histograms/layout.js'

it('the slot of a value is the one that hdr-histogram-js uses, over the whole range', () => {
  const oracle = new Float64Histogram(1, HIGHEST_US, 3)
  expect(SLOTS).toBe(oracle.countsArrayLength)
  const near = fc
    .integer({ min: 0, max: 30 })
    .chain((bit) => fc.integer({ min: -2, max: 2 }).map((d) => 2 ** bit + d))
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: 0, max: HIGHEST_US }), near), (value) => {
      const inRange = Math.min(HIGHEST_US, Math.max(0, value))
      expect(slotOf(inRange)).toBe(oracle.countsArrayIndex(inRange))
    }),
    { numRuns: 5000 },
  )
})

it('values beyond the range count at its ends, whatever they are', () => {
  expect(slotOf(-5)).toBe(0)
  expect(slotOf(Number.NaN)).toBe(0)
  expect(slotOf(Number.POSITIVE_INFINITY)).toBe(slotOf(HIGHEST_US))
  expect(slotOf(1e12)).toBe(slotOf(HIGHEST_US))
})

it('A-42 the merge over all writers equals one histogram fed with all values', () => {
  const values = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 5_000_000 })), {
    minLength: 1,
  })
  fc.assert(
    fc.property(values, (recorded) => {
      const store = new HistogramStore(4, 2)
      const single = new Float64Histogram(1, HIGHEST_US, 3)
      for (const [writer, valueUs] of recorded) {
        store.recorder(writer).record(writer % 2, 'total', valueUs / 1000)
        single.recordValue(Math.floor((valueUs / 1000) * 1000))
      }
      const merged = store.merged('total')
      expect(merged.totalCount).toBe(recorded.length)
      for (const p of [0, 1, 50, 90, 99, 99.9, 100]) {
        expect(merged.getValueAtPercentile(p)).toBe(single.getValueAtPercentile(p))
      }
      expect(store.merged('total', 0).totalCount + store.merged('total', 1).totalCount).toBe(recorded.length)
      expect(store.merged('queue').totalCount).toBe(0)
    }),
    { numRuns: 50 },
  )
})

it('A-42 what another thread records is seen here', async () => {
  const store = new HistogramStore(2, 1)
  const code = `
    const { workerData } = require('node:worker_threads')
    import(workerData.module).then(({ HistogramStore }) => {
      const recorder = new HistogramStore(2, 1, workerData.buffer).recorder(1)
      for (let i = 1; i <= 1000; i += 1) recorder.record(0, 'queue', i / 1000)
    })`
  const module = import.meta.resolve('#src/histograms/histogram-store.js')
  const worker = new Worker(code, { eval: true, workerData: { buffer: store.buffer, module } })
  await new Promise((resolve, reject) => worker.on('exit', resolve).on('error', reject))
  const { count, p50, max } = summarize(store.merged('queue'))
  expect({ count, p50, max }).toEqual({ count: 1000, p50: 0.5, max: 1 })
})

it('a second recorder of a writer, and a copy of what was measured before, hide no higher value', () => {
  const before = new HistogramStore(1, 1)
  before.recorder(0).record(0, 'total', 900)
  const store = new HistogramStore(1, 1)
  const early = store.recorder(0)
  store.copy(0, 0, before, 0)
  const late = store.recorder(0)
  early.record(0, 'total', 5)
  late.record(0, 'total', 700)
  early.record(0, 'total', 300)
  const { count, max } = summarize(store.merged('total'))
  expect(count).toBe(4)
  expect(max).toBeGreaterThanOrEqual(900)
})

it('summaries of all phases say what their merged histograms say, time and again', () => {
  const store = new HistogramStore(2, 2)
  for (let i = 1; i <= 100; i += 1) {
    store.recorder(0).record(0, 'total', i)
    store.recorder(1).record(1, 'total', i * 10)
    store.recorder(1).record(1, 'write', 0.01)
  }
  for (const phase of ['queue', 'total', 'write'] as const)
    for (let time = 0; time < 2; time += 1)
      expect(summaries(store)[phase]).toEqual(summarize(store.merged(phase)))
  expect(summaries(store).total).toMatchObject({ count: 200, max: 1000.447 })
  expect(summaries(store).queue.count).toBe(0)
})

it('the log is read back by the public reader, one tagged histogram per route and phase', () => {
  const store = new HistogramStore(1, 2)
  for (let i = 1; i <= 100; i += 1) store.recorder(0).record(1, 'upstream', i)
  const text = histogramLog(store, ['a', 'GET,HEAD /b c'], 1000, 61_000)
  const reader = new HistogramLogReader(text)
  const histogram = reader.nextIntervalHistogram()
  expect(histogram?.tag).toBe('GET_HEAD_/b_c:upstream')
  expect(histogram?.totalCount).toBe(100)
  expect(histogram?.getValueAtPercentile(50)).toBeGreaterThanOrEqual(50_000)
  expect(reader.nextIntervalHistogram()).toBeNull()
})
