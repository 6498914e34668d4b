import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OwnSession } from '#src/dispatch/own-session.js'
import { WINDOW_BYTES } from '#src/mailbox/index.js'
import type { FakeExchange } from './support/fake-exchange.js'
import type { FakeWorker, WorkerSide } from './support/fake-worker.js'
import { Rig, route, turn } from './support/rig.js'

const WORKERS = 3
const KINDS = [
  'request',
  'request',
  'upload',
  'piece',
  'piece',
  'last piece',
  'stall',
  'drain',
  'leave',
  'finish',
  'respond',
  'respond',
  'begin',
  'body',
  'body',
  'end',
  'fail',
  'grant',
  'early hints',
  'lose worker',
  'add worker',
  'turn',
  'turn',
  'settle',
] as const

interface Event {
  readonly kind: (typeof KINDS)[number]
  /** Which of those that come into question. */
  readonly pick: number
  readonly size: number
}

const event: fc.Arbitrary<Event> = fc.record({
  kind: fc.constantFrom(...KINDS),
  pick: fc.nat(1000),
  size: fc.oneof(fc.nat(3000), fc.nat(100_000)),
})

function choose<T>(from: readonly T[], pick: number): T | undefined {
  return from[pick % Math.max(1, from.length)]
}

/** What a client sent, and how far it is. */
interface Upload {
  readonly exchange: FakeExchange
  sent: Buffer
  done: boolean
}

class Story {
  readonly rig = new Rig({
    workers: WORKERS,
    sessionsPerWorker: 6,
    ringBytes: 64 * 1024,
    routes: [route({ path: '/known/*' })],
  })
  readonly uploads: Upload[] = []
  readonly granted = new Map<WorkerSide, number>()
  readonly lost: FakeWorker[] = []

  async play({ kind, pick, size }: Event): Promise<void> {
    const { rig } = this
    const open = rig.exchanges.filter((exchange) => !exchange.isOver)
    const exchange = choose(open, pick)
    const worker = choose(rig.workers, pick)
    const live = worker?.live ?? []
    const inPhase = (phase: WorkerSide['phase']): WorkerSide | undefined =>
      choose(
        live.filter((session) => session.phase === phase),
        pick,
      )
    switch (kind) {
      case 'request':
        rig.request({ target: pick % 9 === 0 ? '/unknown' : '/known/', contentLength: -1 }, pick % 2 === 0)
        return
      case 'upload': {
        const target = pick % 9 === 0 ? '/unknown' : '/known/'
        const contentLength = pick % 3 === 0 ? -2 : 1_000_000
        this.uploads.push({
          exchange: rig.request({ target, contentLength }, pick % 2 === 0),
          sent: Buffer.alloc(0),
          done: false,
        })
        return
      }
      case 'piece':
      case 'last piece': {
        const upload = choose(
          this.uploads.filter(({ done, exchange }) => !done && !exchange.isOver && !exchange.isBodyPaused),
          pick,
        )
        if (upload === undefined) return
        const chunk = Buffer.alloc(size, upload.sent.length)
        upload.done = kind === 'last piece'
        upload.sent = Buffer.concat([upload.sent, chunk])
        upload.exchange.send(chunk, upload.done)
        return
      }
      case 'stall':
        if (exchange !== undefined) exchange.hasRoom = false
        return
      case 'drain':
        exchange?.drain()
        return
      case 'leave':
        exchange?.leave()
        return
      case 'finish':
        exchange?.finish()
        return
      case 'lose worker': {
        const index = pick % WORKERS
        if (pick % 3 !== 0 || !rig.hasWorker(index)) return
        this.lost.push(rig.worker(index))
        rig.loseWorker(index)
        return
      }
      case 'add worker':
        for (let index = 0; index < WORKERS; index += 1) if (!rig.hasWorker(index)) rig.addWorker(index)
        return
      case 'turn':
        await turn()
        return
      case 'settle':
        await rig.settle()
        return
      default:
    }
    if (worker === undefined) return
    const waiting = inPhase('waiting')
    const streaming = inPhase('streaming')
    const any = choose(live, pick)
    if (kind === 'respond' && waiting !== undefined)
      worker.respond(waiting, 200, '', pick % 2 === 0 ? Buffer.alloc(size % 10_000) : null)
    else if (kind === 'begin' && waiting !== undefined)
      worker.begin(waiting, 200, pick % 4 === 0 ? 50_000 : null)
    else if (kind === 'early hints' && waiting !== undefined)
      worker.informational(waiting, 103, 'link: <a>\r\n')
    else if (kind === 'body' && streaming !== undefined && !worker.mailbox.congested)
      worker.body(streaming, Buffer.alloc(size % 20_000))
    else if (kind === 'end' && streaming !== undefined) worker.end(streaming)
    else if (kind === 'fail' && any !== undefined && any.phase !== 'answered') worker.fail(any)
    else if (kind === 'grant' && any !== undefined) {
      const owed = any.body.length - (this.granted.get(any) ?? 0)
      if (owed <= 0) return
      this.granted.set(any, any.body.length)
      worker.grant(any, owed)
    }
  }

  /** What holds at any time. */
  check(): void {
    const { rig } = this
    const { inFlight } = rig.dispatcher
    expect(rig.count('answered') + rig.count('aborted') + inFlight).toBe(rig.count('requests'))
    let onBoard = 0
    for (let worker = 0; worker < WORKERS; worker += 1) {
      const sessions = rig.board.inFlight(worker)
      if (sessions < 0 || sessions > (rig.hasWorker(worker) ? 6 : 0))
        expect.fail(`${sessions} sessions on the board for worker ${worker}`)
      onBoard += sessions
    }
    // Beside them only those whose worker was lost when their answer was complete, and those that the acceptor answers itself.
    const orphans = rig.exchanges.filter(
      ({ phase, owner }) => phase === 'ending' || owner instanceof OwnSession,
    ).length
    expect(onBoard).toBeLessThanOrEqual(inFlight)
    expect(inFlight).toBeLessThanOrEqual(onBoard + orphans)
    const problems = [
      ...rig.exchanges.map(({ misuse }) => misuse),
      ...[...rig.workers, ...this.lost].map((worker) => worker.problems),
    ]
    expect(problems.flat()).toEqual([])
  }

  /** Lets everything come to an end. */
  async end(): Promise<void> {
    const { rig } = this
    await rig.settle()
    for (const worker of rig.workers) {
      for (const session of worker.live) {
        if (session.phase === 'waiting') worker.respond(session)
        else if (session.phase === 'streaming') worker.end(session)
      }
    }
    await rig.settle()
    for (const exchange of rig.exchanges) exchange.finish()
    await rig.settle()
  }

  checkEnd(): void {
    const { rig } = this
    this.check()
    expect(rig.dispatcher.inFlight).toBe(0)
    for (let worker = 0; worker < WORKERS; worker += 1) expect(rig.board.inFlight(worker)).toBe(0)
    expect(rig.exchanges.filter(({ isOver }) => !isOver)).toEqual([])
    const finished = rig.exchanges.filter(({ phase }) => phase === 'finished').length
    expect(rig.count('requests')).toBe(rig.exchanges.length)
    expect(rig.count('answered')).toBe(finished)
    for (const worker of rig.workers) expect(worker.live).toEqual([])
    const sessions = [...rig.workers, ...this.lost].flatMap((worker) => worker.sessions)
    for (const { exchange, sent, done } of this.uploads) {
      const session = sessions.find(({ open }) => open.requestId === exchange.head.requestId)
      if (session === undefined) continue
      // Whatever arrived is the beginning of what was sent, never more than the window ahead of what was granted.
      expect(session.body.equals(sent.subarray(0, session.body.length))).toBe(true)
      if (session.isBodyComplete) expect([done, session.body.length]).toEqual([true, sent.length])
    }
  }
}

describe('C16 requests = answered + aborted + in flight', () => {
  it('holds after any events in any order, and in the end nothing is in flight', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 150 }), async (events) => {
        const story = new Story()
        for (const current of events) {
          await story.play(current)
          story.check()
        }
        await story.end()
        story.checkEnd()
      }),
      { numRuns: 120 },
    )
  })

  it('holds under many sessions at once, and every upload arrives whole', async () => {
    const rig = new Rig({ workers: 2, sessionsPerWorker: 100, ringBytes: 64 * 1024 })
    const sizes = Array.from({ length: 40 }, (_, i) => (i * 7919) % (WINDOW_BYTES * 2))
    const exchanges = sizes.map((size) => rig.request({ method: 'PUT', contentLength: size + 1 }))
    const sent = sizes.map(() => 0)
    await rig.settle()
    for (let left = sizes.length; left > 0; ) {
      left = 0
      for (const [i, exchange] of exchanges.entries()) {
        const size = (sizes[i] ?? 0) + 1
        let at = sent[i] ?? 0
        while (at < size && !exchange.isBodyPaused) {
          const end = Math.min(size, at + 5000)
          exchange.send(Buffer.alloc(end - at, i), end === size)
          at = end
        }
        sent[i] = at
        if (at < size) left += 1
      }
      await rig.settle()
      for (const worker of rig.workers)
        for (const session of worker.live) {
          const owed = session.body.length - session.credited
          // `credited` counts the other direction, unused here: it remembers what this test has granted.
          session.credited = session.body.length
          if (owed > 0 && !session.isBodyComplete) worker.grant(session, owed)
        }
      await rig.settle()
    }
    for (const worker of rig.workers) {
      for (const session of worker.live) {
        expect(session.isBodyComplete).toBe(true)
        worker.respond(session)
      }
    }
    await rig.settle()
    expect(rig.count('answered')).toBe(sizes.length)
    expect(rig.count('bytes_in')).toBe(sizes.reduce((sum, size) => sum + size + 1, 0))
    expect(rig.dispatcher.inFlight).toBe(0)
    for (const exchange of exchanges) expect(exchange.misuse).toEqual([])
  })
})
