import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { BudgetCheck, CapCheck, Decision, StateStore } from '#src/state/index.js'
import type { StoreSpec } from './stores-under-test.js'

const LOAD = fileURLToPath(new URL('../fixtures/state/load-process.mjs', import.meta.url))
const SPEND = fileURLToPath(new URL('../fixtures/state/spend-until-killed.mjs', import.meta.url))

export interface LoadOptions {
  readonly spec: StoreSpec
  readonly processes: number
  readonly threads: number
  /** Of each thread. */
  readonly workers: number
  /** Of each worker. */
  readonly requests: number
}

export interface ServedUnderLoad {
  /** Of a campaign with a cap of 3. */
  readonly capped: number
  /** Of one with a budget of 1.00 at a CPM of 2.00. */
  readonly budgeted: number
}

/** Runs gateway processes against one store, all at the same time. @returns how many ads they served together */
export async function servedUnderLoad({ processes, ...job }: LoadOptions): Promise<ServedUnderLoad> {
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, [LOAD, JSON.stringify(job)], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  try {
    const lines = children.map((child) => createInterface(child.stdout)[Symbol.asyncIterator]())
    const next = async (): Promise<string[]> =>
      (await Promise.all(lines.map((line) => line.next()))).map(({ value }) => String(value))
    if ((await next()).some((line) => line !== 'ready')) throw new Error('a process did not start')
    for (const child of children) child.stdin.write('go\n')
    const served = (await next()).map((line) => JSON.parse(line) as ServedUnderLoad)
    return {
      capped: served.reduce((sum, { capped }) => sum + capped, 0),
      budgeted: served.reduce((sum, { budgeted }) => sum + budgeted, 0),
    }
  } finally {
    for (const child of children) child.kill('SIGKILL')
  }
}

const CAP: CapCheck = {
  key: 'freq:{load}:c1',
  max: 1_000_000_000,
  window: { kind: 'fixed', windowMs: 3_600_000 },
  mode: 'reserve',
}

const BUDGET: BudgetCheck = {
  key: 'budget:{load}',
  limitKey: null,
  limit: { micros: 1e15, nanos: 0 },
  pace: null,
  cost: { micros: 2000, nanos: 5 },
  currency: 'USD',
  ttlMs: null,
}

const DECISION: Omit<Decision, 'id'> = { caps: [CAP], budgets: [BUDGET] }

export interface KilledRound {
  /** Commits that were begun, and of these the ones that were answered. */
  readonly begun: number
  readonly answered: number
}

/**
 * Lets a process spend without end and kills it with SIGKILL after some commits. Then every commit that it began is made again: what it
 * had been told is counted must be there, and nothing may count twice.
 * @throws Error that says what was lost or doubled
 */
export async function killedInMidLoad(
  spec: StoreSpec,
  store: StateStore,
  afterCommits: number,
): Promise<KilledRound> {
  const before = await spentOf(store)
  const job = JSON.stringify({ spec, decision: DECISION, loops: 8 })
  const child = spawn(process.execPath, [SPEND, job], { stdio: ['pipe', 'pipe', 'inherit'] })
  const begun: string[] = []
  const answered = new Set<string>()
  for await (const line of createInterface(child.stdout)) {
    const id = line.slice(2)
    if (line.startsWith('a ')) begun.push(id)
    else answered.add(id)
    // Once: lines that were written before it died come behind.
    if (answered.size === afterCommits && child.exitCode === null && child.signalCode === null)
      await kill(child)
  }
  if (answered.size < afterCommits) throw new Error('the process ended before it was killed')
  for (const id of begun) {
    const status = await store.commit({ ...DECISION, id }, { rememberMs: 3_600_000 })
    if (answered.has(id) && status !== 'duplicate')
      throw new Error(`a committed impression was lost: ${status}`)
    if (status === 'refused') throw new Error('a commit was refused')
  }
  const spent = (await spentOf(store)) - before
  if (spent !== begun.length) throw new Error(`${begun.length} impressions were charged ${spent} times`)
  return { begun: begun.length, answered: answered.size }
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** In impressions: whole, or something is wrong. */
async function spentOf(store: StateStore): Promise<number> {
  const [use] = await store.budgetUse([BUDGET])
  const [cap] = await store.capUse([CAP])
  if (use === undefined || cap === undefined) throw new Error('no answer')
  const nanos = BigInt(use.spent.micros) * 1000n + BigInt(use.spent.nanos)
  const cost = BigInt(BUDGET.cost.micros) * 1000n + BigInt(BUDGET.cost.nanos)
  if (nanos % cost !== 0n) throw new Error(`${nanos} nanos are no whole number of impressions`)
  const impressions = Number(nanos / cost)
  if (impressions !== cap.committed) throw new Error(`${impressions} were charged, ${cap.committed} counted`)
  return impressions
}
