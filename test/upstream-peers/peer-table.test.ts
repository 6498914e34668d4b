import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { now } from '#src/time/index.js'
import { PeerTable, type PublishedPeer } from '#src/upstream/index.js'
import { eventually } from '../support/eventually.js'

const THREADS = 4
const ROUNDS = 50_000

function published(host: string, more: Partial<PublishedPeer> = {}): PublishedPeer {
  return { template: 0, host, weight: 1, maxConnections: 0, maintenance: false, ...more }
}

describe('one row under all threads at once', () => {
  it('loses no update, never lets more in than may be, and gives one probe at a time', {
    timeout: 120_000,
  }, async () => {
    const plan = { workers: THREADS, rows: [1] }
    const table = new PeerTable(plan)
    table.publish(0, [published('10.0.0.1', { maxConnections: 2 })])
    const gate = new SharedArrayBuffer(64)
    const gates = new Int32Array(gate)
    const nowMs = now()
    const threads = Array.from({ length: THREADS }, (_, worker) => {
      const workerData = { plan, buffer: table.buffer, worker, rounds: ROUNDS, nowMs, gate }
      return new Worker(new URL('./support/hammer.mjs', import.meta.url), { workerData })
    })
    const results = Promise.all(
      threads.map(async (thread) => {
        const [result] = await once(thread, 'message')
        return result as { taken: number; probes: number; ejections: number; most: number }
      }),
    )
    await eventually('all threads are there', () => Atomics.load(gates, 0) === THREADS)
    Atomics.store(gates, 1, 1)
    Atomics.notify(gates, 1)
    const all = await results
    const sum = (of: (result: (typeof all)[number]) => number): number => all.reduce((s, r) => s + of(r), 0)
    const [peer] = table.snapshot(0) ?? []
    expect(peer).toMatchObject({
      consecutiveFailures: THREADS * ROUNDS,
      checksPassed: (THREADS * ROUNDS) / 2,
      checksFailed: (THREADS * ROUNDS) / 2,
      inFlight: THREADS * 3,
    })
    expect(sum((result) => result.taken)).toBeGreaterThan(0)
    expect(Math.max(...all.map((result) => result.most))).toBeLessThanOrEqual(2)
    // Each ejection ends with a probe that restores, but for one that may be left.
    expect(sum((result) => result.ejections) - (peer?.restores ?? 0)).toBe(peer?.ejected === true ? 1 : 0)
    expect(sum((result) => result.probes)).toBeGreaterThan(0)
    expect(Atomics.load(gates, 4)).toBe(0)
    for (let worker = 0; worker < THREADS; worker += 1) table.releaseWorker(worker)
    expect(table.snapshot(0)?.[0]?.inFlight).toBe(0)
  })
})

describe('a worker that dies', () => {
  it('gives back what it had in flight, its own only, and the probe that it had under way', () => {
    const table = new PeerTable({ workers: 2, rows: [1, 1] })
    table.publish(0, [published('a')])
    table.publish(1, [published('b')])
    const nowMs = now()
    const [dying, living] = [table.row(1, 0, 0), table.row(1, 0, 1)]
    for (let i = 0; i < 5; i += 1) dying.acquire()
    living.acquire()
    expect(dying.eject(nowMs - 1000)).toBe(true)
    expect(dying.claimProbe(nowMs)).toBe(true)
    expect(living.claimProbe(nowMs)).toBe(false)
    const changes = table.changes(1)
    table.releaseWorker(0)
    expect(living.inFlight).toBe(1)
    expect(table.changes(1)).not.toBe(changes)
    expect(dying.endProbe(0)).toBe(false)
    expect(living.claimProbe(nowMs)).toBe(true)
  })
})

describe('the peers of a table', () => {
  it('are the same in every thread, whatever their address', () => {
    const table = new PeerTable({ workers: 3, rows: [4] })
    const hosts = ['10.0.0.1', '2001:db8::1', 'ex-ample.test', '']
    const peers = hosts.map((host, template) => published(host, { template, weight: template + 1 }))
    expect(table.publish(0, peers)).toBe(0)
    const other = new PeerTable(table.plan, table.buffer)
    expect(other.read(0)?.entries.map(({ template, host }) => [template, host])).toEqual(
      hosts.map((host, template) => [template, host]),
    )
    expect(other.snapshot(0)?.map(({ weight }) => weight)).toEqual([1, 2, 3, 4])
  })

  it('keep row, health and load when others come and go; a row that is given again begins anew', () => {
    const table = new PeerTable({ workers: 1, rows: [3] })
    table.publish(0, [published('a'), published('b')])
    const [a, b] = (table.read(0)?.entries ?? []).map(({ row }) => table.row(0, row, 0))
    a?.acquire()
    a?.setChecked(false)
    b?.setChecked(false)
    table.publish(0, [published('a', { weight: 7 }), published('c')])
    expect(
      table.snapshot(0)?.map(({ host, health, inFlight, weight }) => [host, health, inFlight, weight]),
    ).toEqual([
      ['a', 'unhealthy', 1, 7],
      ['c', 'unknown', 0, 1],
    ])
    expect([a?.isCurrent, b?.isCurrent]).toEqual([true, false])
    // What is late about the one who was there before does not hurt the next.
    expect(b?.eject(now() + 1000)).toBe(false)
  })

  it('that find no row are counted, and the others are there', () => {
    const table = new PeerTable({ workers: 1, rows: [2] })
    expect(
      table.publish(
        0,
        ['a', 'b', 'c'].map((host) => published(host)),
      ),
    ).toBe(1)
    expect(table.read(0)?.entries.map(({ host }) => host)).toEqual(['a', 'b'])
    expect(table.publish(0, [published('c'), published('x'.repeat(256))])).toBe(1)
    expect(table.read(0)?.entries.map(({ host }) => host)).toEqual(['c'])
  })
})

describe('response times', () => {
  it('are averaged, and fade when there are none any more', () => {
    const table = new PeerTable({ workers: 1, rows: [1] })
    table.publish(0, [published('a')])
    const row = table.row(0, 0, 0)
    const nowMs = now()
    expect(row.latencyMs(nowMs)).toBe(0)
    row.addLatency(100, nowMs)
    expect(row.latencyMs(nowMs)).toBe(100)
    for (let i = 0; i < 100; i += 1) row.addLatency(10, nowMs)
    expect(row.latencyMs(nowMs)).toBeCloseTo(10, 1)
    expect(row.latencyMs(nowMs + 10_000)).toBeCloseTo(5, 1)
  })
})
