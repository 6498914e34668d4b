import { parentPort, workerData } from 'node:worker_threads'
import { PeerTable } from '#src/upstream/index.js'

/* A thread that works on the one row of a shared table as hard as it can. */
const { plan, buffer, worker, rounds, nowMs } = workerData
const row = new PeerTable(plan, buffer).row(0, 0, worker)
const gate = new Int32Array(workerData.gate)
Atomics.add(gate, 0, 1)
Atomics.wait(gate, 1, 0)

let taken = 0
let probes = 0
let ejections = 0
let most = 0
for (let i = 0; i < rounds; i += 1) {
  row.countFailure('serverErrors')
  row.countCheck(i % 2 === 0)
  row.addLatency(5, nowMs)
  if (row.tryAcquire()) {
    taken += 1
    most = Math.max(most, Atomics.add(gate, 2, 1) + 1)
    Atomics.sub(gate, 2, 1)
    row.release()
  }
  if (row.eject(nowMs - 1000)) ejections += 1
  if (row.claimProbe(nowMs)) {
    probes += 1
    // Nobody else has it meanwhile.
    if (Atomics.add(gate, 3, 1) !== 0) Atomics.add(gate, 4, 1)
    Atomics.sub(gate, 3, 1)
    if (!row.endProbe(i % 2 === 0 ? 0 : nowMs - 1000)) Atomics.add(gate, 4, 1)
  }
}
// What stays in flight when the thread ends.
for (let i = 0; i < 3; i += 1) row.acquire()
parentPort.postMessage({ taken, probes, ejections, most })
