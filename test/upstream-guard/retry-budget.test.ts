import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { MAX_SAVED_RETRIES, PeerTable, RetryBudget, readGuard } from '#src/upstream/index.js'

const THREADS = 3
const ROUNDS = 20_000

function budgetOf(share: number, minPerSecond: number) {
  const table = new PeerTable({ workers: 2, rows: [1] })
  const start = readGuard(table.guard(0, 0), 0)
  expect(start.retriesSaved).toBe(0)
  const time = { ms: 0 }
  // Tick 0 of the table is the moment it was made; the budget only counts whole seconds from there.
  const memory = { ...table.guard(0, 0), epochMs: 0 }
  const make = (worker: number) =>
    new RetryBudget({ ...memory, worker }, { share, minPerSecond }, () => time.ms)
  return { budget: make(0), other: make(1), time, stats: () => readGuard(memory, 0) }
}

function takeAll(budget: RetryBudget, most = 100_000): number {
  let taken = 0
  while (taken < most && budget.take()) taken += 1
  return taken
}

describe('the retry budget', () => {
  it('A13 gives a share of the sessions, which any worker may use', () => {
    const { budget, other } = budgetOf(0.2, 0)
    expect(takeAll(budget)).toBe(0)
    for (let i = 0; i < 100; i += 1) budget.earn()
    expect(takeAll(other)).toBe(20)
    expect(takeAll(budget)).toBe(0)
  })

  it('keeps what a session earns that is no whole retry', () => {
    const { budget } = budgetOf(0.3, 0)
    for (let i = 0; i < 3; i += 1) budget.earn()
    expect(takeAll(budget)).toBe(0)
    budget.earn()
    expect(takeAll(budget)).toBe(1)
  })

  it('saves no more than its bound for bad times', () => {
    const { budget } = budgetOf(1, 0)
    for (let i = 0; i < MAX_SAVED_RETRIES * 2; i += 1) budget.earn()
    expect(takeAll(budget)).toBe(MAX_SAVED_RETRIES)
  })

  it('gives a minimum in each second, on credit that is paid back first', () => {
    const { budget, time, stats } = budgetOf(0.5, 3)
    expect(takeAll(budget)).toBe(3)
    expect(stats().retriesSaved).toBe(-3)
    for (let i = 0; i < 8; i += 1) budget.earn()
    // Four are earned, of which three pay the credit.
    expect(takeAll(budget)).toBe(1)
    time.ms = 1000
    expect(takeAll(budget)).toBe(3)
    time.ms = 60_000
    expect(takeAll(budget)).toBe(3)
    expect(stats().retriesSaved).toBe(-3)
  })

  it('counts earned retries as those of the minimum: the larger of both is given, not the sum', () => {
    const { budget } = budgetOf(0.1, 5)
    for (let i = 0; i < 1000; i += 1) budget.earn()
    expect(takeAll(budget)).toBe(100)
  })

  it.each([
    [0.2, 1],
    [0.2, 3],
    [0.05, 1],
    [1, 2],
  ])(
    'A13 is never above a share of %d over all threads, with %d tries a session',
    async (share, perSession) => {
      const plan = { workers: THREADS, rows: [1] }
      const table = new PeerTable(plan)
      const gate = new SharedArrayBuffer(8)
      const words = new Int32Array(gate)
      const threads = Array.from({ length: THREADS }, (_, worker) => {
        const config = { share, minPerSecond: 0 }
        const workerData = { plan, buffer: table.buffer, worker, rounds: ROUNDS, config, perSession, gate }
        return new Worker(new URL('./support/spender.mjs', import.meta.url), { workerData })
      })
      const results = threads.map(async (thread) => ((await once(thread, 'message')) as [number])[0])
      while (Atomics.load(words, 0) < THREADS) await new Promise((resolve) => setImmediate(resolve))
      Atomics.store(words, 1, 1)
      Atomics.notify(words, 1)
      const taken = (await Promise.all(results)).reduce((sum, count) => sum + count, 0)
      expect(taken).toBeLessThanOrEqual(share * THREADS * ROUNDS)
      // Nothing gets lost but what a thread had not shown when it ended.
      expect(taken).toBeGreaterThanOrEqual(share * THREADS * ROUNDS - THREADS)
      await Promise.all(threads.map((thread) => thread.terminate()))
    },
  )
})
