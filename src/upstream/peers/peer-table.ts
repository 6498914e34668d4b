import { now } from '../../time/index.js'
import { GUARD, GUARD_WORDS, type GuardMemory, SHARE_WORDS } from '../guard/layout.js'
import {
  HOST_BYTES,
  layoutOf,
  MAX_HOST_BYTES,
  ROW,
  ROW_WORDS,
  type TableLayout,
  type TablePlan,
  UPSTREAM,
  UPSTREAM_WORDS,
} from './layout.js'
import { PeerRow } from './peer-row.js'
import { type PeerEntry, type PeerSnapshot, peerSnapshot } from './peer-snapshot.js'

/** A peer as the control side publishes it. */
export interface PublishedPeer {
  /** Index of the configured peer that it comes from, which says port, TLS and the rest. */
  readonly template: number
  /** Where to connect: that peer's own host, or an address that its name stands for; at most 255 bytes, '' for a Unix socket. */
  readonly host: string
  readonly weight: number
  /** 0: no limit. */
  readonly maxConnections: number
  readonly maintenance: boolean
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/**
 * What all threads know of all peers, in one SharedArrayBuffer: who they are, how they do, and how much they have to do. The
 * supervisor makes it; only the control side publishes who the peers are, every thread sees it by the version.
 */
export class PeerTable {
  readonly buffer: SharedArrayBuffer
  readonly plan: TablePlan
  readonly #layout: TableLayout
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #epochMs: number

  /**
   * @param buffer the buffer of a table of the same plan, made in another thread
   * @param epochMs when its ticks began: that of the table that this one follows. Default: now
   */
  constructor(plan: TablePlan, buffer?: SharedArrayBuffer, epochMs: number = now()) {
    this.plan = plan
    this.#layout = layoutOf(plan)
    this.buffer = buffer ?? new SharedArrayBuffer(this.#layout.bytes)
    this.#words = new Int32Array(this.buffer, 0, this.#layout.hosts / 4)
    this.#bytes = new Uint8Array(this.buffer)
    const epoch = new Float64Array(this.buffer, 0, 1)
    if (buffer === undefined) epoch[0] = epochMs
    this.#epochMs = epoch[0] ?? 0
  }

  /** Time at which tick 1 began, ms. */
  get epochMs(): number {
    return this.#epochMs
  }

  /** Changes whenever the peers of an upstream were replaced. */
  version(upstream: number): number {
    return Atomics.load(this.#words, this.#upstream(upstream) + UPSTREAM.version)
  }

  /** Changes whenever the standing of a peer of the upstream does. */
  changes(upstream: number): number {
    // Asked for every request: a plain read, see PeerRow.
    return this.#words[this.#upstream(upstream) + UPSTREAM.changes] ?? 0
  }

  /**
   * Replaces the peers of an upstream; who was there before keeps the row with all that is known of it. Only one thread may do this.
   * @returns how many found no row, because the table is full
   */
  publish(upstream: number, peers: readonly PublishedPeer[]): number {
    const count = this.plan.rows[upstream] ?? 0
    const free = new Set(Array.from({ length: count }, (_, row) => row))
    const kept = new Map<PublishedPeer, number>()
    const before = this.read(upstream)?.entries ?? []
    for (const peer of peers) {
      const own = before.find(({ template, host }) => template === peer.template && host === peer.host)
      if (own === undefined || !free.delete(own.row)) continue
      kept.set(peer, own.row)
    }
    // Sessions of a former owner count where they were taken: a row without any comes first.
    const inFlight = (row: number): number => this.row(upstream, row, 0).inFlight
    const empty = [...free].sort((a, b) => inFlight(a) - inFlight(b))
    const versionAt = this.#upstream(upstream) + UPSTREAM.version
    const odd = Atomics.load(this.#words, versionAt) | 1
    Atomics.store(this.#words, versionAt, odd)
    for (const row of free) {
      const at = this.#row(upstream, row)
      if (Atomics.exchange(this.#words, at + ROW.owner, 0) !== 0)
        Atomics.add(this.#words, at + ROW.generation, 1)
    }
    let left = 0
    for (const peer of peers) {
      const row = kept.get(peer) ?? empty.shift()
      if (row === undefined || encoder.encode(peer.host).length > MAX_HOST_BYTES) {
        left += 1
        continue
      }
      if (!kept.has(peer)) this.#assign(upstream, row, peer)
      const at = this.#row(upstream, row)
      Atomics.store(this.#words, at + ROW.weight, peer.weight)
      Atomics.store(this.#words, at + ROW.maxConnections, peer.maxConnections)
      Atomics.store(this.#words, at + ROW.maintenance, peer.maintenance ? 1 : 0)
    }
    Atomics.store(this.#words, versionAt, odd + 1)
    Atomics.add(this.#words, this.#upstream(upstream) + UPSTREAM.changes, 1)
    return left
  }

  /** The peers of an upstream, or null while they are being replaced: look again later. */
  read(upstream: number): { readonly version: number; readonly entries: readonly PeerEntry[] } | null {
    const version = this.version(upstream)
    if (version % 2 !== 0) return null
    const entries: PeerEntry[] = []
    for (let row = 0; row < (this.plan.rows[upstream] ?? 0); row += 1) {
      const at = this.#row(upstream, row)
      const owner = Atomics.load(this.#words, at + ROW.owner)
      if (owner === 0) continue
      const generation = Atomics.load(this.#words, at + ROW.generation)
      entries.push({ row, generation, template: owner - 1, host: this.#host(upstream, row) })
    }
    return this.version(upstream) === version ? { version, entries } : null
  }

  /** A row for one worker's use. @param worker 0 for threads that take no sessions */
  row(upstream: number, row: number, worker: number): PeerRow {
    const { columns, columnWords, firstRows } = this.#layout
    return new PeerRow({
      index: row,
      words: this.#words,
      at: this.#row(upstream, row),
      column: columns + (firstRows[upstream] ?? 0) + row,
      columnWords,
      workers: this.plan.workers,
      worker,
      changes: this.#upstream(upstream) + UPSTREAM.changes,
      epochMs: this.#epochMs,
    })
  }

  /** The words of an upstream's guard for one worker's use. @param worker 0 for threads that take no sessions */
  guard(upstream: number, worker: number): GuardMemory {
    const { guards, shares, shareWords } = this.#layout
    return {
      words: this.#words,
      at: guards + upstream * GUARD_WORDS,
      shares: shares + upstream * SHARE_WORDS,
      shareStride: shareWords,
      workers: this.plan.workers,
      worker,
      epochMs: this.#epochMs,
    }
  }

  /**
   * Takes over what another table knows of a peer: health, ejection, failures, latency; not its weight and not what is in flight. Both are of the
   * same epoch.
   */
  adoptPeer(
    at: readonly [upstream: number, row: number],
    from: PeerTable,
    fromAt: readonly [number, number],
  ): void {
    const to = this.#row(...at)
    const source = from.#row(...fromAt)
    for (let word: number = ROW.checked; word < ROW_WORDS; word += 1) {
      const value = Atomics.load(from.#words, source + word)
      // Who had the probe under way will not tell this table: it is due again.
      Atomics.store(this.#words, to + word, word === ROW.ejection && value < 0 ? 1 : value)
    }
  }

  /** The same for the breaker of an upstream and what it has counted. */
  adoptGuard(upstream: number, from: PeerTable, fromUpstream: number): void {
    const to = this.guard(upstream, 0).at
    const source = from.guard(fromUpstream, 0).at
    for (let word = 0; word < GUARD_WORDS; word += 1) {
      const value = Atomics.load(from.#words, source + word)
      Atomics.store(this.#words, to + word, word === GUARD.breaker && value < 0 ? 1 : value)
    }
  }

  /** A worker's thread is gone: what it had in flight is given back, and another one may probe in its place. */
  releaseWorker(worker: number): void {
    const { columns, columnWords, shares, shareWords, firstRows } = this.#layout
    this.#clear(columns + worker * columnWords, columnWords)
    this.#clear(shares + worker * shareWords, shareWords)
    for (const [upstream] of firstRows.entries()) {
      Atomics.compareExchange(this.#words, this.guard(upstream, 0).at + GUARD.breaker, -1 - worker, 1)
      for (let row = 0; row < (this.plan.rows[upstream] ?? 0); row += 1) {
        // Due since tick 1.
        Atomics.compareExchange(this.#words, this.#row(upstream, row) + ROW.ejection, -1 - worker, 1)
      }
      // What it has changed without having come to say so.
      Atomics.add(this.#words, this.#upstream(upstream) + UPSTREAM.changes, 1)
    }
  }

  /** All peers of an upstream with their numbers; null while they are being replaced. */
  snapshot(upstream: number, nowMs = now()): readonly PeerSnapshot[] | null {
    return (
      this.read(upstream)?.entries.map((entry) => {
        const at = this.#row(upstream, entry.row)
        const word = (name: keyof typeof ROW): number => Atomics.load(this.#words, at + ROW[name])
        return peerSnapshot(entry, this.row(upstream, entry.row, 0), word, nowMs)
      }) ?? null
    )
  }

  /** How many peers of an upstream are ejected now. */
  ejected(upstream: number): number {
    let count = 0
    for (let row = 0; row < (this.plan.rows[upstream] ?? 0); row += 1) {
      const at = this.#row(upstream, row)
      if (Atomics.load(this.#words, at + ROW.owner) === 0) continue
      if (Atomics.load(this.#words, at + ROW.ejection) !== 0) count += 1
    }
    return count
  }

  #clear(from: number, count: number): void {
    for (let at = from; at < from + count; at += 1) Atomics.store(this.#words, at, 0)
  }

  #assign(upstream: number, row: number, peer: PublishedPeer): void {
    const at = this.#row(upstream, row)
    const generation = Atomics.load(this.#words, at + ROW.generation)
    for (let word = 0; word < ROW_WORDS; word += 1) Atomics.store(this.#words, at + word, 0)
    Atomics.store(this.#words, at + ROW.generation, (generation + 1) | 0)
    const host = encoder.encode(peer.host)
    const hostAt = this.#hostAt(upstream, row)
    this.#bytes[hostAt] = host.length
    this.#bytes.set(host, hostAt + 1)
    Atomics.store(this.#words, at + ROW.owner, peer.template + 1)
  }

  #host(upstream: number, row: number): string {
    const at = this.#hostAt(upstream, row)
    return decoder.decode(this.#bytes.slice(at + 1, at + 1 + (this.#bytes[at] ?? 0)))
  }

  #hostAt(upstream: number, row: number): number {
    return this.#layout.hosts + ((this.#layout.firstRows[upstream] ?? 0) + row) * HOST_BYTES
  }

  #upstream(upstream: number): number {
    return this.#layout.upstreams + upstream * UPSTREAM_WORDS
  }

  #row(upstream: number, row: number): number {
    return this.#layout.rows + ((this.#layout.firstRows[upstream] ?? 0) + row) * ROW_WORDS
  }
}
