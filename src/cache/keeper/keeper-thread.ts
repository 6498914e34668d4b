import { parentPort, workerData } from 'node:worker_threads'
import { useClockAnchor } from '../../time/index.js'
import { SharedStore } from '../store/index.js'
import type { KeeperTask, Loaded, Saved } from './keeper-task.js'
import { loadSnapshot } from './load-snapshot.js'
import { saveSnapshot } from './save-snapshot.js'

// A thread for one piece of work on the whole cache: it ends with it.
const { memory, thread, clockAnchorMs, job }: KeeperTask = workerData
useClockAnchor(clockAnchorMs)
const store = new SharedStore(memory, thread)

/** Behind the thread that had this number before and may have ended amidst its work; whoever of the dead has the lock comes first. */
async function putInOrder(dead: readonly number[]): Promise<void> {
  const [first, ...others] = [...dead].sort(
    (a, b) => Number(store.diedAmidst(b)) - Number(store.diedAmidst(a)),
  )
  if (first === undefined) return
  await store.forget(first)
  await putInOrder(others)
}

function work(): Saved | Loaded | null {
  switch (job.kind) {
    case 'save':
      return saveSnapshot(store, job)
    case 'load':
      return loadSnapshot(store, job)
    default:
      return null
  }
}

await putInOrder(job.kind === 'forget' ? [job.dead, thread] : [thread])
parentPort?.postMessage(work())
