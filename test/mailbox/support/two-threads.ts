import { MessageChannel, Worker } from 'node:worker_threads'
import { createRingBuffer } from '#src/mailbox/index.js'
import { ASLEEP, BLOCKED, READ, WRITTEN } from '#src/mailbox/ring-layout.js'

interface Tally {
  readonly count: number
  readonly bytes: number
  readonly hash: number
}

/** What one end says when it is done. */
export interface PeerReport {
  readonly sent: Tally
  readonly received: Tally
  /** First frame that was not the expected one; -1: none. */
  readonly disorder: number
  readonly bellsRung: number
  readonly sleeps: number
  /** How often there was no room. */
  readonly fulls: number
  readonly elapsedMs: number
}

export interface TwoThreadsOptions {
  /** Frames in each direction. */
  readonly frames: number
  readonly capacitiesBytes: readonly [number, number]
  /** Where the position counters start, multiples of 8. */
  readonly startAt: readonly [number, number]
  /** Without a result by then something hangs. */
  readonly timeoutMs: number
}

export interface TwoThreadsResult {
  readonly reports: readonly [PeerReport, PeerReport]
  readonly framesPerSecond: number
}

function createRing(capacityBytes: number, startAt: number): SharedArrayBuffer {
  const ring = createRingBuffer(capacityBytes)
  const control = new Int32Array(ring)
  control[WRITTEN] = startAt | 0
  control[READ] = startAt | 0
  return ring
}

function stateOf(ring: SharedArrayBuffer): string {
  const control = new Int32Array(ring)
  return [WRITTEN, READ, ASLEEP, BLOCKED].map((word) => Atomics.load(control, word)).join()
}

/** Two threads that send each other frames through a pair of rings, with bells through a MessagePort. @throws when it hangs */
export async function runTwoThreads(options: TwoThreadsOptions): Promise<TwoThreadsResult> {
  const [first, second] = [0, 1].map((i) =>
    createRing(options.capacitiesBytes[i] ?? 0, options.startAt[i] ?? 0),
  ) as [SharedArrayBuffer, SharedArrayBuffer]
  const { port1, port2 } = new MessageChannel()
  const start = (
    out: SharedArrayBuffer,
    inbound: SharedArrayBuffer,
    port: typeof port1,
    seed: number,
  ): Worker =>
    new Worker(new URL('./ring-peer.mjs', import.meta.url), {
      workerData: { out, inbound, port, frames: options.frames, seed },
      transferList: [port],
    })
  const workers = [start(first, second, port1, 1), start(second, first, port2, 2)]
  const reportOf = (worker: Worker): Promise<PeerReport> =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', (code) => reject(new Error(`a thread ended with ${code}`)))
    })
  let timer: NodeJS.Timeout | undefined
  const hang = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`no end: written,read,asleep,blocked = ${stateOf(first)} and ${stateOf(second)}`))
    }, options.timeoutMs)
  })
  const exits = workers.map((worker) => new Promise<void>((resolve) => worker.once('exit', () => resolve())))
  try {
    const [a, b] = await Promise.race([Promise.all(workers.map(reportOf)), hang])
    if (a === undefined || b === undefined) throw new Error('a report is missing')
    const seconds = Math.max(a.elapsedMs, b.elapsedMs) / 1000
    return { reports: [a, b], framesPerSecond: Math.round((2 * options.frames) / seconds) }
  } finally {
    clearTimeout(timer)
    for (const worker of workers) worker.postMessage('end')
    await Promise.race([Promise.all(exits), Promise.all(workers.map((worker) => worker.terminate()))])
  }
}
