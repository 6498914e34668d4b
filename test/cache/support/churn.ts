import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createLeadMemory, SharedLeads } from '#src/cache/lock/index.js'
import { createStoreMemory, SharedStore, type StoreStats } from '#src/cache/store/index.js'
import { SharedBell } from '#src/memory/index.js'

export interface ChurnPlan {
  readonly operations: number
  readonly sizeBytes: number
  readonly keys: number
  readonly workers: number
  /** Ends it in any case, ms. Default: never. */
  readonly mostMs?: number
  /** Between two deaths on average, ms; on a busy machine longer: so long that something was done since the last one. */
  readonly killEveryMs: number
  /** Is told of what was done, at most every `REPORT_MS`. */
  readonly onProgress?: (done: number, killed: number) => void
}

export interface ChurnReport {
  readonly done: number
  /** What was read that nobody has stored; must be empty. */
  readonly wrong: readonly string[]
  readonly killed: number
  readonly during: StoreStats
  /** After everything was purged. */
  readonly after: StoreStats
  /** Rows of leads that somebody still holds. */
  readonly leads: number
}

const REPORT_MS = 60_000
/** Done between two deaths at least: a thread that was started anew and never got to work dies for nothing. */
const LEAST_BETWEEN_DEATHS = 2000

/** Threads work on one cache at random, and are killed at random, until all have done so many operations together. */
export async function churn(plan: ChurnPlan): Promise<ChurnReport> {
  const memory = createStoreMemory({ sizeBytes: plan.sizeBytes, threads: plan.workers + 1 })
  const leadMemory = createLeadMemory()
  const bell = new SharedBell(memory.bells, 0)
  const store = new SharedStore(memory, 0, bell)
  const leads = new SharedLeads(leadMemory, 0, bell)
  const progress = new SharedArrayBuffer(4)
  const errors = new SharedArrayBuffer(4)
  const done = new Int32Array(progress)
  const wrong: string[] = []
  let killed = 0

  const start = (thread: number): Worker => {
    const { operations, keys } = plan
    const worker = new Worker(new URL('./churn-worker.mjs', import.meta.url), {
      workerData: {
        memory,
        leadMemory,
        thread,
        operations,
        keys,
        progress,
        errors,
        seed: thread * 7919 + killed,
      },
    })
    worker.on('message', (message: string) => {
      wrong.push(message)
    })
    worker.on('error', (error) => wrong.push(String(error)))
    return worker
  }
  const workers = Array.from({ length: plan.workers }, (_, i) => start(i + 1))
  const forget = async (thread: number): Promise<void> => {
    await Promise.all([store.forget(thread), leads.forget(thread)])
  }
  const endMs = performance.now() + (plan.mostMs ?? Number.POSITIVE_INFINITY)
  let doneAtDeath = 0
  let reportAtMs = performance.now() + REPORT_MS
  while ((done[0] ?? 0) < plan.operations && wrong.length === 0 && performance.now() < endMs) {
    await delay(2 * Math.random() * plan.killEveryMs)
    if (performance.now() >= reportAtMs) {
      reportAtMs += REPORT_MS
      plan.onProgress?.(done[0] ?? 0, killed)
    }
    if ((done[0] ?? 0) - doneAtDeath < LEAST_BETWEEN_DEATHS) continue
    doneAtDeath = done[0] ?? 0
    const thread = 1 + Math.floor(Math.random() * plan.workers)
    const worker = workers[thread - 1]
    if (worker === undefined || (done[0] ?? 0) >= plan.operations) break
    await worker.terminate()
    await forget(thread)
    killed += 1
    workers[thread - 1] = start(thread)
  }
  await Promise.all(
    workers.map(async (worker, i) => {
      await worker.terminate()
      await forget(i + 1)
    }),
  )
  const during = store.stats()
  store.purgePrefix('', 'hard')
  let left = 0
  for (let thread = 0; thread <= plan.workers; thread += 1) left += leads.table.ledBy(thread).length
  return { done: done[0] ?? 0, wrong, killed, during, after: store.stats(), leads: left }
}
