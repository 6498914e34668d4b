import { parentPort, workerData } from 'node:worker_threads'
import { PeerTable, RetryBudget } from '#src/upstream/index.js'

/* A thread that earns and spends retries of a shared budget as fast as it can. */
const { plan, buffer, worker, rounds, config, perSession } = workerData
const budget = new RetryBudget(new PeerTable(plan, buffer).guard(0, worker), config, () => 0)
const gate = new Int32Array(workerData.gate)
Atomics.add(gate, 0, 1)
Atomics.wait(gate, 1, 0)

let taken = 0
for (let i = 0; i < rounds; i += 1) {
  budget.earn()
  for (let n = 0; n < perSession; n += 1) if (budget.take()) taken += 1
}
parentPort.postMessage(taken)
