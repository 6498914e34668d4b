import { parentPort, workerData } from 'node:worker_threads'
import type { MetronomeTask } from './metronome.js'

const { pending, tickMs } = workerData as MetronomeTask
const flag = new Int32Array(pending)
const never = new Int32Array(new SharedArrayBuffer(4))

// The thread has nothing else to do, so it may block: a futex wakes it within a tenth of a millisecond.
let nextMs = performance.now()
for (;;) {
  nextMs = Math.max(nextMs + tickMs, performance.now())
  Atomics.wait(never, 0, 0, nextMs - performance.now())
  if (Atomics.exchange(flag, 0, 1) === 0) parentPort?.postMessage(0)
}
