import type { BalanceConfig, PeerConfig } from '../config/types-upstream.js'
import { type GatewayError, NoPeerAvailable } from '../session/errors.js'
import type { Peer, Session } from '../session/session.js'
import { now } from '../time/index.js'
import { type BalanceKey, type Balancer, balanceKey, createBalancer } from './balance/index.js'
import { connectionLimit } from './connection-limit.js'
import type { SessionLimit } from './guard/index.js'
import type { HealthChange, PeerSetOptions } from './peer-set-options.js'
import {
  DEFAULT_BALANCE,
  DEFAULT_EJECTION,
  DEFAULT_PANIC_THRESHOLD,
  Ejector,
  type FailureKind,
  type HealthReason,
  type PeerTable,
  privateTable,
  targetOf,
  UpstreamPeer,
} from './peers/index.js'

const IN = 0
const OUT = 1
const MAINTENANCE = 2

/** Where the response times are only to be seen, every so many answers of a worker give a sample: each costs an atomic operation. */
const SAMPLE_EVERY = 8

/** What a failed attempt counts as in the average that `ewma` goes by. */
const FAILURE_LATENCY_MS = 1000

/** The peers of one upstream as one worker sees them: who may be chosen, who is, and what became of it. */
export class PeerSet {
  #peers: readonly UpstreamPeer[] = []
  readonly #templates: readonly PeerConfig[]
  readonly #shared: NonNullable<PeerSetOptions['shared']>
  readonly #limit: SessionLimit | null
  readonly #balance: BalanceConfig
  readonly #keyOf: BalanceKey | null
  readonly #panicThreshold: number
  readonly #onHealthChange: (change: HealthChange) => void
  readonly #clock: () => number
  #ejector: Ejector
  readonly #makeEjector: () => Ejector
  #balancer: Balancer
  #version = -1
  /** Standing of each peer, as it was when the table's `changes` were these. */
  #standings = new Uint8Array(0)
  #changes = -1
  #ejected = 0
  #panic = false
  #probing = false
  #answers = 0
  readonly #sampleEvery: number
  // What the balancer's question is about, so that asking makes no closure.
  #tried: ReadonlySet<Peer> | null = null
  readonly #usable = (index: number): boolean => {
    const peer = this.#peers[index]
    if (peer === undefined || this.#tried?.has(peer) === true || !peer.hasRoom) return false
    const standing = this.#standings[index]
    return standing === IN || (this.#panic && standing === OUT)
  }

  constructor(targets: readonly PeerConfig[], options: PeerSetOptions = {}) {
    this.#templates = targets
    this.#shared = options.shared ?? { table: privateTable(targets), upstream: 0, worker: 0 }
    this.#limit = options.limit ?? null
    this.#balance = options.balance ?? DEFAULT_BALANCE
    this.#keyOf = balanceKey(this.#balance)
    this.#sampleEvery = this.#balance.algorithm === 'ewma' ? 1 : SAMPLE_EVERY
    this.#panicThreshold = options.panicThreshold ?? DEFAULT_PANIC_THRESHOLD
    this.#onHealthChange = options.onHealthChange ?? (() => undefined)
    this.#clock = options.clock ?? now
    const { table, upstream } = this.#shared
    this.#makeEjector = () => {
      const total = this.#peers.filter(({ row }) => !row.inMaintenance).length
      const scope = { total, ejected: () => table.ejected(upstream) }
      return new Ejector(options.ejection ?? DEFAULT_EJECTION, scope, options.isChecked ?? false)
    }
    this.#ejector = this.#makeEjector()
    this.#balancer = this.#makeBalancer()
    this.refresh()
  }

  get peers(): readonly UpstreamPeer[] {
    return this.#peers
  }

  /** The peer that `select` or `take` gave last is an ejected one, and this is its probe: say so when it ends. */
  get probing(): boolean {
    return this.#probing
  }

  /** Takes over the peers from the table if they have changed there. Cheap when they have not. @returns whether they have */
  refresh(): boolean {
    const { table, upstream } = this.#shared
    if (table.version(upstream) === this.#version) return false
    const read = table.read(upstream)
    if (read === null) return false
    this.#version = read.version
    this.setPeers(read.entries)
    return true
  }

  /** Replaces the peers by those of these rows. Who was there before stays the same object, so that sessions know whom they tried. */
  setPeers(entries: NonNullable<ReturnType<PeerTable['read']>>['entries']): void {
    const { table, upstream, worker } = this.#shared
    const before = new Map(this.#peers.map((peer) => [`${peer.row.index} ${peer.row.generation}`, peer]))
    this.#peers = entries.flatMap(({ row, generation, template, host }) => {
      const known = before.get(`${row} ${generation}`)
      if (known !== undefined) return [known]
      const target = targetOf(this.#templates, { template, host })
      return target === null ? [] : [new UpstreamPeer(target, table.row(upstream, row, worker))]
    })
    this.#standings = new Uint8Array(this.#peers.length)
    this.#changes = -1
    this.#ejector = this.#makeEjector()
    this.#balancer = this.#makeBalancer()
  }

  /**
   * Chooses a peer that is not in `tried` and takes it: the one who gets it must `release` it. Null when there is none: see `refusal`.
   * Peers that are ejected or unhealthy are left out unless there are too few others; one whose ejection is over gets one probe.
   * @param session whose key a hashing algorithm hashes
   */
  select(tried: ReadonlySet<Peer> | null, session: Session | null = null): UpstreamPeer | null {
    if (this.#limit === null) return this.#select(tried, session)
    if (!this.#limit.tryAcquire()) return null
    const peer = this.#select(tried, session)
    if (peer === null) this.#limit.release()
    return peer
  }

  #select(tried: ReadonlySet<Peer> | null, session: Session | null): UpstreamPeer | null {
    this.#probing = false
    this.#look()
    if (this.#ejected > 0) {
      const probed = this.#probe(tried)
      if (probed !== null) return probed
    }
    const only = this.#peers.length === 1 ? this.#peers[0] : undefined
    this.#tried = tried
    if (only !== undefined) {
      return this.#usable(0) && only.row.tryAcquire() ? only : null
    }
    const key = this.#keyOf === null || session === null ? '' : this.#keyOf(session)
    // Another thread may be faster in taking the last place of a peer; then the next is asked.
    for (let i = 0; i < this.#peers.length; i += 1) {
      const peer = this.#peers[this.#balancer.pick(this.#usable, key)]
      if (peer === undefined) return null
      if (peer.row.tryAcquire()) return peer
    }
    return null
  }

  /** Takes a peer that a filter has chosen, whatever its health. @returns false when it has as many sessions as it may */
  take(peer: UpstreamPeer): boolean {
    if (this.#limit !== null && !this.#limit.tryAcquire()) return false
    if (!peer.row.tryAcquire()) {
      this.#limit?.release()
      return false
    }
    this.#probing = peer.row.claimProbe(this.#clock())
    return true
  }

  /** Would `select` find somebody? */
  hasUsable(tried: ReadonlySet<Peer> | null): boolean {
    this.#look()
    this.#tried = tried
    const nowMs = this.#clock()
    return this.#peers.some((peer, index) => this.#usable(index) || this.#mayProbe(peer, tried, nowMs))
  }

  /** The upstream had no place for what was asked for last. */
  get isFull(): boolean {
    return this.#limit?.wasFull ?? false
  }

  /** Why `select` has found nobody. */
  refusal(upstream: string, tried: ReadonlySet<Peer> | null): GatewayError {
    const isFull = (peer: UpstreamPeer, index: number): boolean =>
      tried?.has(peer) !== true && this.#standings[index] !== MAINTENANCE && !peer.hasRoom
    return this.isFull || this.#peers.some(isFull) ? connectionLimit(upstream) : new NoPeerAvailable(upstream)
  }

  /** Gives back what `select` or `take` gave. */
  release(peer: UpstreamPeer): void {
    peer.row.release()
    this.#limit?.release()
  }

  /** The final response head of a session at this peer has come. @param sentMs when the request's last byte had left */
  answered(peer: UpstreamPeer, status: number, isProbe: boolean, sentMs: number, nowMs: number): void {
    if (status >= 500) {
      this.#fail(peer, status >= 502 && status <= 504 ? 'gatewayErrors' : 'serverErrors', isProbe, nowMs)
      return
    }
    this.#answers = (this.#answers + 1) % this.#sampleEvery
    if (this.#answers === 0) peer.row.addLatency(nowMs - sentMs, nowMs)
    const reason = this.#ejector.succeeded(peer.row, isProbe, nowMs)
    if (reason !== null) this.#report(peer, reason)
  }

  /** There was no answer, and it is the peer's fault. */
  failed(peer: UpstreamPeer, kind: FailureKind, isProbe: boolean): void {
    const nowMs = this.#clock()
    // Who refuses at once must not look fast.
    if (this.#balance.algorithm === 'ewma') peer.row.addLatency(FAILURE_LATENCY_MS, nowMs)
    this.#fail(peer, kind, isProbe, nowMs)
  }

  /** Nothing was learnt about the peer. */
  abandoned(peer: UpstreamPeer, isProbe: boolean): void {
    this.#ejector.abandoned(peer.row, isProbe)
  }

  /** Who of these a filter meant: the same object, or one of equal address and port; the first of those whose name it says. */
  find({ address, port }: Peer, among = this.#peers): UpstreamPeer | null {
    return (
      among.find((own) => own.address === address && own.port === port) ??
      among.find((own) => own.name === address && own.port === port) ??
      null
    )
  }

  #fail(peer: UpstreamPeer, kind: FailureKind, isProbe: boolean, nowMs: number): void {
    const reason = this.#ejector.failed(peer.row, kind, isProbe, nowMs)
    if (reason !== null) this.#report(peer, reason)
  }

  /** Takes the probe of an ejected peer whose time has passed, if there is one. */
  #probe(tried: ReadonlySet<Peer> | null): UpstreamPeer | null {
    const nowMs = this.#clock()
    for (const peer of this.#peers) {
      const { row } = peer
      if (!this.#mayProbe(peer, tried, nowMs) || !row.tryAcquire()) continue
      if (row.claimProbe(nowMs)) {
        this.#probing = true
        return peer
      }
      row.release()
    }
    return null
  }

  #mayProbe(peer: UpstreamPeer, tried: ReadonlySet<Peer> | null, nowMs: number): boolean {
    const { row } = peer
    if (!row.isDue(nowMs) || row.inMaintenance || row.checked === 'unhealthy') return false
    return peer.hasRoom && tried?.has(peer) !== true
  }

  /** Looks at the standing of all peers, if any has changed since. */
  #look(): void {
    const { table, upstream } = this.#shared
    const changes = table.changes(upstream)
    if (changes === this.#changes) return
    this.#changes = changes
    let healthy = 0
    let total = 0
    this.#ejected = 0
    for (let i = 0; i < this.#peers.length; i += 1) {
      const row = this.#peers[i]?.row
      if (row === undefined) continue
      const isEjected = row.ejection !== 0
      if (isEjected) this.#ejected += 1
      this.#standings[i] = row.inMaintenance
        ? MAINTENANCE
        : isEjected || row.checked === 'unhealthy'
          ? OUT
          : IN
      if (this.#standings[i] === IN) healthy += 1
      if (this.#standings[i] !== MAINTENANCE) total += 1
    }
    this.#panic = healthy < total * this.#panicThreshold
  }

  #makeBalancer(): Balancer {
    const { algorithm, loadBound } = this.#balance
    // Workers do not march in step.
    return createBalancer(algorithm, this.#peers, { loadBound, start: this.#shared.worker })
  }

  #report(peer: UpstreamPeer, reason: HealthReason): void {
    const to = peer.healthStatus
    const from = reason === 'first answer' ? 'unknown' : to === 'unhealthy' ? peer.row.checked : 'unhealthy'
    this.#onHealthChange({ peer, from: reason === 'probe failed' ? 'unhealthy' : from, to, reason })
  }
}
