import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SharedCounters, WORKER_STATES, WorkerBoard } from '#src/memory/index.js'

const NAMES = ['requests', 'answered', 'aborted', 'bytes'] as const
const THREADS = 4
const ROUNDS = 100_000

describe('counters and board', () => {
  it('have exact sums after several threads have written their rows at once, and only grow meanwhile', async () => {
    const counters = new SharedCounters(NAMES, THREADS)
    const board = new WorkerBoard(THREADS + 1)
    const workers = Array.from(
      { length: THREADS },
      (_, row) =>
        new Worker(new URL('./support/writer.mjs', import.meta.url), {
          workerData: {
            names: NAMES,
            rows: THREADS,
            row,
            counters: counters.buffer,
            workers: THREADS + 1,
            board: board.buffer,
            rounds: ROUNDS,
          },
        }),
    )
    let done = 0
    let shrunk = 0
    let reads = 0
    const finished = workers.map((worker) =>
      once(worker, 'message').then(() => {
        done += 1
      }),
    )
    let before = counters.totals()
    while (done < THREADS) {
      const current = counters.totals()
      for (const name of NAMES) if (current[name] < before[name]) shrunk += 1
      before = current
      reads += 1
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(finished)
    expect(shrunk).toBe(0)
    expect(reads).toBeGreaterThan(0)
    const sum = (ROUNDS * (ROUNDS + 1)) / 2
    for (const [at, name] of NAMES.entries()) {
      const own = sum + at * 1000 * ROUNDS + (at === 0 ? ROUNDS : 0)
      expect(counters.total(name)).toBe(THREADS * own)
    }
    for (let worker = 0; worker < THREADS; worker += 1) expect(board.beats(worker)).toBe(ROUNDS)
    expect(board.beats(THREADS)).toBe(THREADS * ROUNDS)
    expect(board.restarts(THREADS)).toBe(THREADS * ROUNDS)
  })
})

describe('counters', () => {
  it('add up per name over all rows, also beyond 32 bits', () => {
    const add = fc.record({
      row: fc.nat(2),
      name: fc.constantFrom(...NAMES),
      amount: fc.oneof(fc.constant(undefined), fc.nat(10), fc.nat(2 ** 40)),
    })
    fc.assert(
      fc.property(fc.array(add, { maxLength: 200 }), (adds) => {
        const counters = new SharedCounters(NAMES, 3)
        const rows = [0, 1, 2].map((row) => counters.row(row))
        const expected = { requests: 0, answered: 0, aborted: 0, bytes: 0 }
        for (const { row, name, amount } of adds) {
          rows[row]?.add(name, amount)
          expected[name] += amount ?? 1
        }
        expect(counters.totals()).toEqual(expected)
        // Another thread sees the same through the buffer.
        expect(new SharedCounters(NAMES, 3, counters.buffer).totals()).toEqual(expected)
      }),
    )
  })
})

describe('the board', () => {
  it('keeps what is written about one worker apart from all others', () => {
    const action = fc.record({
      worker: fc.nat(3),
      what: fc.constantFrom('beat' as const, 'open' as const, 'close' as const, 'restart' as const),
      state: fc.constantFrom(...WORKER_STATES),
    })
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const board = new WorkerBoard(4)
        const model = Array.from({ length: 4 }, () => ({
          beats: 0,
          inFlight: 0,
          restarts: 0,
          state: 'starting',
        }))
        for (const { worker, what, state } of actions) {
          const expected = model[worker]
          if (expected === undefined) return
          board.setState(worker, state)
          expected.state = state
          if (what === 'beat') {
            board.beat(worker)
            expected.beats += 1
          } else if (what === 'restart') {
            board.countRestart(worker)
            expected.restarts += 1
          } else {
            board.addInFlight(worker, what === 'open' ? 1 : -1)
            expected.inFlight += what === 'open' ? 1 : -1
          }
        }
        const other = new WorkerBoard(4, board.buffer)
        const seen = model.map((_, worker) => ({
          beats: other.beats(worker),
          inFlight: other.inFlight(worker),
          restarts: other.restarts(worker),
          state: other.state(worker),
        }))
        expect(seen).toEqual(model)
      }),
    )
  })
})
