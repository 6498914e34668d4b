import { describe, expect, it } from 'vitest'
import type { EjectionConfig } from '#src/config/types-upstream.js'
import { Headers } from '#src/session/headers.js'
import { RequestHeader } from '#src/session/message-headers.js'
import { type Peer, Session } from '#src/session/session.js'
import { now } from '#src/time/index.js'
import {
  configuredPeers,
  type HealthChange,
  PeerSet,
  type PeerSetOptions,
  PeerTable,
  type UpstreamPeer,
} from '#src/upstream/index.js'

const EJECTION: EjectionConfig = {
  connectFailures: 2,
  gatewayErrors: 3,
  serverErrors: 5,
  timeMs: 10_000,
  maxTimeMs: 60_000,
  maxShare: 1,
}

/** Upstreams as several workers see them, at a time of our own. */
class Scene {
  nowMs = now()
  readonly changes: HealthChange[] = []
  readonly table: PeerTable
  readonly sets: readonly PeerSet[]

  constructor(
    readonly targets: ConstructorParameters<typeof PeerSet>[0],
    options: PeerSetOptions = {},
    spareRows = 0,
  ) {
    this.table = new PeerTable({ workers: 2, rows: [targets.length + spareRows] })
    this.table.publish(0, configuredPeers(targets))
    this.sets = [0, 1].map(
      (worker) =>
        new PeerSet(targets, {
          ejection: EJECTION,
          panicThreshold: 0,
          onHealthChange: (change) => void this.changes.push(change),
          clock: () => this.nowMs,
          ...options,
          shared: { table: this.table, upstream: 0, worker },
        }),
    )
  }

  get set(): PeerSet {
    const [first] = this.sets
    if (first === undefined) throw new Error('no set')
    return first
  }

  peer(port: number): UpstreamPeer {
    const peer = this.set.peers.find((own) => own.port === port)
    if (peer === undefined) throw new Error(`no peer ${port}`)
    return peer
  }

  /** Ports of as many choices, each given back at once. */
  picks(count: number, set = this.set, session: Session | null = null): number[] {
    return Array.from({ length: count }, () => {
      const peer = set.select(null, session)
      if (peer === null) return -1
      set.release(peer)
      set.abandoned(peer, set.probing)
      return peer.port
    })
  }

  /** As many failures in a row. */
  fail(port: number, kind: 'connectFailures' | 'gatewayErrors' | 'serverErrors', count: number): void {
    for (let i = 0; i < count; i += 1) this.set.failed(this.peer(port), kind, false)
  }

  answer(port: number, status: number): void {
    this.set.answered(this.peer(port), status, false, this.nowMs - 5, this.nowMs)
  }

  /** Takes the one probe that is due. */
  probe(set = this.set): UpstreamPeer {
    const peer = set.select(null)
    if (peer === null || !set.probing) throw new Error('nobody is probed')
    return peer
  }
}

const peers = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `h:${i + 1}`, host: 'h', port: i + 1 }))

function sessionWith(headers: Record<string, string>, path = '/', remoteAddress = '198.51.100.1'): Session {
  const session = new Session({ remoteAddress, requestId: 'req-1', startMs: 0 }, 'route')
  const block = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  session.downstreamRequest = new RequestHeader('GET', path, new Headers(block.join('')))
  return session
}

describe('passive ejection', () => {
  it.each([
    ['connectFailures', 2, 'consecutive connect failures'],
    ['gatewayErrors', 3, 'consecutive gateway errors'],
    ['serverErrors', 5, 'consecutive server errors'],
  ] as const)('A14 after %s, %i in a row, no worker chooses the peer', (kind, limit, reason) => {
    const scene = new Scene(peers(3))
    scene.fail(2, kind, limit - 1)
    expect(scene.peer(2).healthStatus).toBe('unknown')
    scene.fail(2, kind, 1)
    expect(scene.changes.map(({ from, to, reason }) => ({ from, to, reason }))).toEqual([
      { from: 'unknown', to: 'unhealthy', reason },
    ])
    for (const set of scene.sets) expect(scene.picks(30, set)).not.toContain(2)
    expect(scene.set.find(scene.peer(2))?.healthStatus).toBe('unhealthy')
  })

  it('counts statuses as what they are: 502 to 504 gateway errors, other 5xx server errors, a good answer starts anew', () => {
    const scene = new Scene(peers(2))
    for (const status of [502, 503, 200, 503, 504, 404, 500, 500, 500, 500]) scene.answer(1, status)
    expect(scene.peer(1).healthStatus).toBe('healthy')
    scene.answer(1, 500)
    expect(scene.changes.map(({ reason }) => reason)).toEqual(['first answer', 'consecutive server errors'])
  })

  it('a connection that is made ends a row of connect failures, not one of gateway errors', () => {
    const scene = new Scene(peers(2))
    scene.fail(1, 'connectFailures', 1)
    scene.fail(1, 'gatewayErrors', 1)
    scene.fail(1, 'connectFailures', 1)
    expect(scene.changes.map(({ reason }) => reason)).toEqual(['consecutive gateway errors'])
  })

  it('never ejects more than the share, whatever fails, but one at least; 0 switches it off', () => {
    for (const [maxShare, expected] of [
      [0.5, 2],
      [0.1, 1],
      [0, 0],
    ] as const) {
      const scene = new Scene(peers(5), { ejection: { ...EJECTION, maxShare } })
      for (const port of [1, 2, 3, 4, 5]) scene.fail(port, 'connectFailures', 9)
      expect(scene.table.ejected(0)).toBe(expected)
      expect(new Set(scene.picks(50)).size).toBe(5 - expected)
    }
  })
})

describe('half-open', () => {
  it('after the time exactly one request at a time is let through over all workers, and its success restores', () => {
    const scene = new Scene(peers(3))
    scene.fail(1, 'connectFailures', 2)
    scene.nowMs += 9_800
    for (const set of scene.sets) expect(scene.picks(10, set)).not.toContain(1)
    scene.nowMs += 400
    const probed = scene.probe(scene.sets[1])
    expect(probed.port).toBe(1)
    for (const set of scene.sets) expect(scene.picks(10, set)).not.toContain(1)
    scene.sets[1]?.answered(probed, 200, true, scene.nowMs, scene.nowMs)
    expect(scene.changes.at(-1)).toMatchObject({ from: 'unhealthy', to: 'healthy', reason: 'probe passed' })
    for (const set of scene.sets) expect(scene.picks(10, set)).toContain(1)
  })

  it('a failed probe ejects again for twice as long, up to the maximum; a quiet time makes it short again', () => {
    const scene = new Scene(peers(2))
    scene.fail(1, 'connectFailures', 2)
    for (const seconds of [10, 20, 40, 60, 60]) {
      scene.nowMs += seconds * 1000 - 300
      expect(scene.picks(5)).not.toContain(1)
      scene.nowMs += 500
      const probed = scene.probe()
      scene.set.release(probed)
      scene.set.failed(probed, 'gatewayErrors', true)
    }
    scene.nowMs += 60_100
    scene.set.answered(scene.probe(), 200, true, scene.nowMs, scene.nowMs)
    // Soon again: it goes on where it was.
    scene.fail(1, 'connectFailures', 2)
    scene.nowMs += 59_000
    expect(scene.picks(5)).not.toContain(1)
    scene.nowMs += 1_200
    scene.set.answered(scene.probe(), 200, true, scene.nowMs, scene.nowMs)
    scene.nowMs += 60_200
    scene.fail(1, 'connectFailures', 2)
    scene.nowMs += 10_200
    expect(scene.probe().port).toBe(1)
  })

  it('a probe that ends without news lets the next one through at once', () => {
    const scene = new Scene(peers(2))
    scene.fail(1, 'connectFailures', 2)
    scene.nowMs += 10_200
    const probed = scene.probe()
    scene.set.release(probed)
    scene.set.abandoned(probed, true)
    expect(scene.probe(scene.sets[1]).port).toBe(1)
  })

  it('a failure of a kind that does not count is none: the peer can be reached', () => {
    const scene = new Scene(peers(2), { ejection: { ...EJECTION, gatewayErrors: 0, serverErrors: 0 } })
    scene.fail(1, 'connectFailures', 2)
    scene.nowMs += 10_200
    const probed = scene.probe()
    scene.set.answered(probed, 500, true, scene.nowMs, scene.nowMs)
    expect(scene.changes.at(-1)?.reason).toBe('probe passed')
  })
})

describe('who may be chosen', () => {
  it('with fewer healthy peers than the panic threshold all are, but those in maintenance', () => {
    const targets = peers(5).map((peer) => ({ ...peer, maintenance: peer.port === 5 }))
    const scene = new Scene(targets, { panicThreshold: 0.5 })
    scene.fail(1, 'connectFailures', 2)
    scene.fail(2, 'connectFailures', 2)
    expect(new Set(scene.picks(40))).toEqual(new Set([3, 4]))
    scene.fail(3, 'connectFailures', 2)
    expect(new Set(scene.picks(40))).toEqual(new Set([1, 2, 3, 4]))
    expect(scene.peer(5).healthStatus).toBe('maintenance')
  })

  it('A-59 without panic there is nobody when all are out: NoPeerAvailable', () => {
    for (const count of [1, 2]) {
      const scene = new Scene(peers(count))
      for (let port = 1; port <= count; port += 1) scene.fail(port, 'connectFailures', 2)
      expect(scene.set.select(null)).toBeNull()
      expect(scene.set.hasUsable(null)).toBe(false)
      expect(scene.set.refusal('app', null)).toMatchObject({ name: 'NoPeerAvailable', status: 503 })
    }
  })

  it('a peer that a check has found unhealthy is left out, and is not probed', () => {
    const scene = new Scene(peers(2), { isChecked: true })
    scene.table.row(0, 0, 0).setChecked(false)
    expect(new Set(scene.picks(20))).toEqual(new Set([2]))
    scene.answer(1, 200)
    expect(scene.peer(1).healthStatus).toBe('unhealthy')
    scene.table.row(0, 0, 0).setChecked(true)
    expect(new Set(scene.picks(20))).toEqual(new Set([1, 2]))
  })

  it('a peer with as many requests as it may have gets no more, over all workers; then 503 with a reason of its own', () => {
    const scene = new Scene(peers(2).map((peer) => ({ ...peer, maxConnections: 2 })))
    const taken = scene.sets.flatMap((set) => [set.select(null), set.select(null)])
    expect(taken.map((peer) => peer?.port).sort()).toEqual([1, 1, 2, 2])
    expect(scene.set.select(null)).toBeNull()
    expect(scene.set.take(scene.peer(1))).toBe(false)
    expect(scene.set.refusal('app', null)).toMatchObject({
      code: 'HG_OVERLOADED',
      status: 503,
      reason: 'connection_limit_reached',
    })
    const [first] = taken
    if (first !== null && first !== undefined) scene.set.release(first)
    expect(scene.set.select(null)).toBe(first)
  })

  it('nobody is offered twice to a session, with any algorithm', () => {
    for (const algorithm of ['ewma', 'consistent-hash', 'random', 'weighted-round-robin'] as const) {
      const scene = new Scene(peers(4), { balance: { algorithm, key: { kind: 'ip' }, loadBound: 0 } })
      const tried = new Set<Peer>()
      for (let i = 0; i < 4; i += 1) {
        const peer = scene.set.select(tried, sessionWith({}))
        if (peer !== null) tried.add(peer)
      }
      expect(tried.size).toBe(4)
      expect(scene.set.select(tried, sessionWith({}))).toBeNull()
    }
  })

  it('least connections looks at the requests of all workers', () => {
    const scene = new Scene(peers(2), {
      balance: { algorithm: 'least-connections', key: { kind: 'ip' }, loadBound: 0 },
    })
    const [own, other] = scene.sets
    for (let i = 0; i < 5; i += 1) other?.take(scene.peer(1))
    const next = Array.from({ length: 5 }, () => own?.select(null)?.port)
    expect(next).toEqual([2, 2, 2, 2, 2])
  })

  it('ewma does not take a peer that fails at once for a fast one', () => {
    const scene = new Scene(peers(2), {
      balance: { algorithm: 'ewma', key: { kind: 'ip' }, loadBound: 0 },
      ejection: { ...EJECTION, maxShare: 0 },
    })
    scene.answer(1, 200)
    scene.fail(2, 'connectFailures', 1)
    expect(new Set(scene.picks(20))).toEqual(new Set([1]))
  })
})

describe('the key of a hash', () => {
  it.each([
    [{ kind: 'ip' }, (i: number) => sessionWith({}, '/', `198.51.100.${i}`)],
    [{ kind: 'path' }, (i: number) => sessionWith({}, `/${i}?x=${Math.random()}`)],
    [{ kind: 'header', name: 'X-User' }, (i: number) => sessionWith({ 'x-user': `u${i}` })],
    [
      { kind: 'cookie', name: 'sid' },
      (i: number) => sessionWith({ cookie: `a=b; sid=${i};c=${Math.random()}` }),
    ],
    [{ kind: 'header', name: 'absent' }, (i: number) => sessionWith({}, '/', `198.51.100.${i}`)],
    [
      { kind: 'cookie', name: 'absent' },
      (i: number) => sessionWith({ cookie: 'x=y' }, '/', `198.51.100.${i}`),
    ],
  ] as const)('%j: one value stays with one peer, other values go elsewhere', (key, session) => {
    const scene = new Scene(peers(4), { balance: { algorithm: 'consistent-hash', key, loadBound: 0 } })
    const homes = Array.from({ length: 40 }, (_, i) => {
      const ports = new Set(
        [1, 2, 3].flatMap(() => scene.sets.flatMap((set) => scene.picks(1, set, session(i)))),
      )
      expect(ports.size).toBe(1)
      return [...ports][0]
    })
    expect(new Set(homes).size).toBe(4)
  })
})

describe('peers that come and go', () => {
  it('every worker learns of them, and who stays is the same peer with the same health', () => {
    const scene = new Scene([{ id: 'app.test:80', host: 'app.test', port: 80 }], {}, 3)
    const entry = (host: string) => ({ template: 0, host, weight: 1, maxConnections: 0, maintenance: false })
    scene.table.publish(0, [entry('10.0.0.1'), entry('10.0.0.2')])
    for (const set of scene.sets) set.refresh()
    const [kept] = scene.set.peers
    expect(scene.set.peers.map(({ id, address, port }) => ({ id, address, port }))).toEqual([
      { id: 'app.test:80@10.0.0.1', address: '10.0.0.1', port: 80 },
      { id: 'app.test:80@10.0.0.2', address: '10.0.0.2', port: 80 },
    ])
    if (kept === undefined) throw new Error('no peer')
    for (let i = 0; i < 2; i += 1) scene.set.failed(kept, 'connectFailures', false)
    scene.table.publish(0, [entry('10.0.0.3'), entry('10.0.0.1')])
    for (const set of scene.sets) {
      set.refresh()
      const chosen = new Set(Array.from({ length: 10 }, () => set.select(null)?.address))
      expect(chosen).toEqual(new Set(['10.0.0.3']))
    }
    expect(scene.set.peers).toContain(kept)
  })
})
