import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { pretty } from '../logging/pretty.js'
import { formatOf, readEntry } from './entry-codec.js'
import { type LineFormat, lineFormat, shownHeaders } from './line-format.js'
import { LineSink } from './line-sink.js'
import { BELL, type FormatMessage, type LogMessage, type LogTask, REOPEN, STOP } from './log-task.js'
import { RecordReader } from './record-ring.js'

// The thread that makes the lines of the access log and writes them. It does nothing else, so it may block: the threads with the sessions only
// fill their rings.
const task: LogTask = workerData
const words = new Int32Array(task.bell)
/** How long lines may wait for company, ms. */
const LOOK_MS = 50
const FULL_PIPE_MS = 5
/** How long a reader that takes nothing is waited for when everything ends, ms. */
const LAST_PATIENCE_MS = 500
const REPORT_MS = 1000
/** Records that become lines before these are written. */
const BATCH = 256
/** Batches of one ring before the next one has its turn: more than it holds. */
const BATCHES = 32

let stopBy = Number.POSITIVE_INFINITY
let reportedMs = 0
let reported = ''
let dropped = 0
let onWait: () => void = () => undefined

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
  // What is dropped meanwhile is told now: the reader may never come back.
  onWait()
  Atomics.wait(words, REOPEN, Atomics.load(words, REOPEN), FULL_PIPE_MS)
  return true
}

function prettyLines(): ((lines: string) => Buffer) | null {
  if (task.pretty === null) return null
  const makePretty = pretty().prettyFactory({
    colorize: task.pretty.color,
    ignore: 'pid',
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
  return (lines) => Buffer.from(lines.split('\n').slice(0, -1).map(makePretty).join(''))
}

/** How records of one number look, in lines of each ring. */
interface KnownFormat {
  readonly headers: readonly string[]
  readonly ofRing: readonly LineFormat[]
}

const formats = new Map<number, KnownFormat>()

function knownFormat(number: number): KnownFormat | undefined {
  const known = formats.get(number)
  if (known !== undefined || parentPort === null) return known
  for (
    let got = receiveMessageOnPort(parentPort);
    got !== undefined;
    got = receiveMessageOnPort(parentPort)
  ) {
    const { number: its, config }: FormatMessage = got.message
    const acceptor = task.rings.length - 1
    const ofRing = task.rings.map((_, index) =>
      lineFormat(config, { pid: process.pid, ...(index === acceptor ? {} : { worker: index }) }),
    )
    formats.set(its, { headers: shownHeaders(config), ofRing })
  }
  return formats.get(number)
}

function lineOf(reader: RecordReader, ring: number, offset: number): string {
  const known = knownFormat(formatOf(reader, offset))
  const line = known?.ofRing[ring]
  return known === undefined || line === undefined ? '' : line(readEntry(reader, offset, known.headers))
}

function report(sink: LineSink, readers: readonly RecordReader[]): void {
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
  const readers = task.rings.map((ring) => new RecordReader(ring))
  const pretty = prettyLines()
  onWait = () => report(sink, readers)
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

  /** What waits in each ring, but not without an end: the others wait too. */
  function drain(): number {
    let moved = 0
    for (const [index, reader] of readers.entries()) {
      for (let batch = 0; batch < BATCHES; batch += 1) {
        let lines = ''
        const records = reader.read((offset) => {
          lines += lineOf(reader, index, offset)
        }, BATCH)
        moved += records
        if (lines !== '') sink.write(pretty === null ? Buffer.from(lines, 'latin1') : pretty(lines))
        if (records < BATCH) break
      }
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
