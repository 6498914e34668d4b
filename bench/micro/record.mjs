import { createHistogram } from 'node:perf_hooks'
import { Int32Histogram } from 'hdr-histogram-js'
import { HistogramStore } from '#src/histograms/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about(
  'Histograms',
  "To record one latency, and all of a session; the budget of a session's ten phases is 300 ns.",
)
const COUNT = short ? 500_000 : 2_000_000
const values = Array.from({ length: 4096 }, () => Math.exp(Math.random() * 15))

const store = new HistogramStore(1, 1)
const recorder = store.recorder(0)
const library = new Int32Histogram(1, 600_000_000, 3)
const native = createHistogram({ lowest: 1, highest: 600_000_000, figures: 3 })

await compare('record one value', COUNT, {
  'headgate, shared counts': () => {
    for (let i = 0; i < COUNT; i += 1) recorder.record(0, 'total', values[i & 4095] / 1000)
  },
  'hdr-histogram-js recordValue': () => {
    for (let i = 0; i < COUNT; i += 1) library.recordValue(Math.trunc(values[i & 4095]) + 1)
  },
  'perf_hooks histogram': () => {
    for (let i = 0; i < COUNT; i += 1) native.record(Math.trunc(values[i & 4095]) + 1)
  },
})

// All phases of a forwarded session with filters, on a new connection.
const { recordSession } = await import('../../dist/worker/record-session.js')
const timing = {
  requestStart: 1000,
  upstreamConnect: 1000.2,
  upstreamRequestSent: 1000.25,
  upstreamResponseStart: 1001.5,
  upstreamResponseEnd: 1001.6,
  responseSent: 1001.75,
  attempts: [],
}
const outcome = {
  session: { timing, downstreamRequest: { method: 'GET' } },
  route: 0,
  queueMs: 0.05,
  status: 200,
  trail: { filterMs: 0.01, cacheMs: 0.002, attemptMs: 1000.1, reused: false, handedOverMs: -1 },
}
const SESSIONS = short ? 100_000 : 500_000
await compare('record one session, all ten phases', SESSIONS, {
  'headgate, shared counts': () => {
    for (let i = 0; i < SESSIONS; i += 1) {
      timing.upstreamResponseEnd = 1001.6 + values[i & 4095] / 1000
      timing.responseSent = timing.upstreamResponseEnd + 0.1
      recordSession(recorder, outcome)
    }
  },
})
