import { parentPort, workerData } from 'node:worker_threads'
import { pretty } from '../logging/pretty.js'
import { LineReader, RING_BYTES } from './line-ring.js'
import { LineSink } from './line-sink.js'
import { BELL, type LogMessage, type LogTask, REOPEN, STOP } from './log-task.js'

// The thread that writes the access log. It does nothing else, so it may block: the threads with the sessions only fill their rings.
const task: LogTask = workerData
const words = new Int32Array(task.bell)
/** How long lines may wait for company, ms. */
const LOOK_MS = 50
const FULL_PIPE_MS = 5
/** How long a reader that takes nothing is waited for when everything ends, ms. */
const LAST_PATIENCE_MS = 500
const REPORT_MS = 1000

let stopBy = Number.POSITIVE_INFINITY
let reportedMs = 0
let reported = ''
let dropped = 0

function tell(message: LogMessage): void {
  parentPort?.postMessage(message)
}

function isStopping(): boolean {
  if (Atomics.load(words, STOP) === 0) return false
  if (stopBy === Number.POSITIVE_INFINITY) stopBy = performance.now() + LAST_PATIENCE_MS
  return true
}

/** Sleeps, but not past the end. */
function waitForPipe(): boolean {
  if (isStopping() && performance.now() >= stopBy) return false
  Atomics.wait(words, REOPEN, Atomics.load(words, REOPEN), FULL_PIPE_MS)
  return true
}

function prettyLines(): ((lines: Buffer) => Buffer) | null {
  if (task.pretty === null) return null
  const makePretty = pretty().prettyFactory({
    colorize: task.pretty.color,
    ignore: 'pid',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
  return (lines) => Buffer.from(lines.toString('latin1').split('\n').slice(0, -1).map(makePretty).join(''))
}

function report(sink: LineSink, readers: readonly LineReader[]): void {
  for (const reader of readers) dropped += reader.takeDropped()
  dropped += sink.dropped
  sink.dropped = 0
  const { problem } = sink
  if (dropped === 0 && problem === reported) return
  const nowMs = performance.now()
  if (nowMs - reportedMs < REPORT_MS && stopBy === Number.POSITIVE_INFINITY) return
  reportedMs = nowMs
  reported = problem
  tell({ type: 'trouble', problem, dropped })
  dropped = 0
}

function run(sink: LineSink): void {
  const readers = task.rings.map((ring) => new LineReader(ring))
  const batch = Buffer.allocUnsafeSlow(RING_BYTES)
  const pretty = prettyLines()
  let reopened = Atomics.load(words, REOPEN)
  for (;;) {
    const bell = Atomics.load(words, BELL)
    const stopping = isStopping()
    const wanted = Atomics.load(words, REOPEN)
    let moved = 0
    if (wanted === reopened) moved = drain()
    else {
      // What was logged before the signal still belongs into the old file.
      drain()
      reopened = wanted
      sink.reopen()
    }
    report(sink, readers)
    if (stopping && (moved === 0 || performance.now() >= stopBy)) break
    if (!stopping) Atomics.wait(words, BELL, bell, LOOK_MS)
  }
  report(sink, readers)
  sink.close()

  function drain(): number {
    let moved = 0
    for (const reader of readers) {
      const bytes = reader.take(batch)
      if (bytes === 0) continue
      moved += bytes
      const lines = batch.subarray(0, bytes)
      sink.write(pretty === null ? lines : pretty(lines))
    }
    return moved
  }
}

try {
  const sink = new LineSink({ file: task.file, wait: waitForPipe })
  tell({ type: 'started' })
  run(sink)
} catch (error) {
  const { message } = error instanceof Error ? error : new Error(String(error))
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'ERR'
  tell({ type: 'failed', code, message })
}
