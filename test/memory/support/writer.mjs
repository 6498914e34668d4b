import { parentPort, workerData } from 'node:worker_threads'
import { SharedCounters, WorkerBoard } from '#src/memory/index.js'

/* A thread that counts into its own row of the counters, and beats for its own place and for one that all share. */
const { names, rows, row, counters, workers, board, rounds } = workerData
const mine = new SharedCounters(names, rows, counters).row(row)
const places = new WorkerBoard(workers, board)
for (let i = 1; i <= rounds; i += 1) {
  for (const [at, name] of names.entries()) mine.add(name, at * 1000 + i)
  mine.add(names[0])
  places.beat(row)
  places.beat(workers - 1)
  places.countRestart(workers - 1)
}
parentPort.postMessage('done')
