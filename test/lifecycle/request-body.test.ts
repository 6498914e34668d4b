import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RequestBody } from '#src/lifecycle/request-body.js'
import { bodyTooLarge } from '#src/lifecycle/session-errors.js'
import { WINDOW_BYTES } from '#src/mailbox/index.js'
import type { UpstreamExchange } from '#src/upstream/http1/index.js'
import { bytes } from './support.js'

/** An exchange that keeps what it gets, and says wait as the script tells. */
class Sink implements UpstreamExchange {
  readonly bytesSent = false
  readonly reused = false
  readonly parts: Uint8Array[] = []
  ended = 0
  blocked = false
  readonly #blocks: () => boolean
  constructor(blocks: () => boolean) {
    this.#blocks = blocks
  }
  write(chunk: Uint8Array): boolean {
    expect(this.ended).toBe(0)
    this.parts.push(Uint8Array.from(chunk))
    this.blocked = this.#blocks()
    return !this.blocked
  }
  end(): void {
    this.ended += 1
  }
  pause(): void {}
  resume(): void {}
  abort(): void {}
  get content(): Buffer {
    return Buffer.concat(this.parts)
  }
}

interface Script {
  readonly chunks: readonly number[]
  readonly known: boolean
  readonly buffer: boolean
  readonly transform: 'none' | 'sync' | 'async'
  /** What happens between chunks: drain, lose the attempt and make another, let filters finish, nothing. */
  readonly events: readonly ('drain' | 'fail' | 'settle' | 'nothing')[]
  readonly blocks: readonly boolean[]
  /** Whether the last chunk carries the end, or an empty one behind it. */
  readonly emptyEnd: boolean
}

const script: fc.Arbitrary<Script> = fc.record({
  chunks: fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 65_536 })), {
    minLength: 1,
    maxLength: 12,
  }),
  known: fc.boolean(),
  buffer: fc.boolean(),
  transform: fc.constantFrom('none', 'sync', 'async'),
  events: fc.array(fc.constantFrom('drain', 'fail', 'settle', 'nothing'), { maxLength: 30 }),
  blocks: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
  emptyEnd: fc.boolean(),
})

/** Plays a client that keeps to its credit, filters, and attempts that fail. */
async function play(what: Script): Promise<void> {
  const { chunks, known, buffer, transform, events, blocks, emptyEnd } = what
  const total = chunks.reduce((sum, length) => sum + length, 0)
  const sent = Buffer.concat(chunks.map((length, index) => bytes(length, index)))
  let credit = WINDOW_BYTES
  let mostCredit = 0
  let blockCount = 0
  const pending: (() => void)[] = []
  const ends: boolean[] = []
  const errors: unknown[] = []
  const body = new RequestBody(
    {
      contentLength: known ? total : -2,
      buffer,
      limitBytes: 1024 * 1024 * 10,
      transform:
        transform === 'none'
          ? null
          : (piece, end) => {
              ends.push(end)
              if (transform === 'sync') return piece
              return new Promise((resolve) => pending.push(() => resolve(piece)))
            },
      port: {
        grant(granted) {
          credit += granted
          mostCredit = Math.max(mostCredit, credit)
        },
      },
    },
    { fail: (error) => errors.push(error) },
  )
  let sink: Sink | null = null
  let lost = false
  let fails = 0
  const newSink = (): Sink => new Sink(() => blocks[blockCount++ % blocks.length] ?? false)
  const attach = (): void => {
    sink = newSink()
    ends.length = 0
    if (!body.gathered) body.attach(sink)
  }
  let ready = false
  body.whenReady(() => {
    ready = true
    attach()
  })
  const settle = async (): Promise<void> => {
    for (const resolve of pending.splice(0)) resolve()
    for (let i = 0; i < 4; i += 1) await null
  }
  const happen = async (event: Script['events'][number] | undefined): Promise<void> => {
    if (event === 'settle') await settle()
    if (sink === null || lost) return
    if (event === 'drain' && sink.blocked) {
      sink.blocked = false
      body.onDrain()
    }
    if (event === 'fail' && fails < 3 && sink.ended === 0) {
      fails += 1
      body.detach()
      if (body.replayable) attach()
      else lost = true
    }
  }
  let step = 0
  for (const [index, length] of chunks.entries()) {
    // A client waits for credit; it must come when the attempt goes on.
    for (let i = 0; credit <= 0 && i < 50 && !lost; i += 1) {
      await settle()
      await happen('drain')
    }
    if (lost) return
    expect(credit).toBeGreaterThan(0)
    const piece = Uint8Array.from(bytes(length, index))
    credit -= length
    body.receive(piece, !emptyEnd && index === chunks.length - 1)
    piece.fill(0)
    await happen(events[step++])
    await happen(events[step++])
  }
  if (emptyEnd) body.receive(new Uint8Array(0), true)
  for (let i = 0; i < 100 && !lost; i += 1) {
    await settle()
    await happen('drain')
  }
  // More was never granted than was used.
  expect(mostCredit).toBeLessThanOrEqual(WINDOW_BYTES)
  expect(errors).toEqual([])
  expect(body.receivedBytes).toBe(total)
  expect(ready).toBe(true)
  if (lost) return
  if (body.gathered) {
    expect(Buffer.compare(body.whole(), sent)).toBe(0)
    expect(Buffer.compare(body.whole(), sent)).toBe(0)
    return
  }
  const last = sink as Sink | null
  expect(last?.ended).toBe(1)
  expect(Buffer.compare(last?.content ?? Buffer.alloc(0), sent)).toBe(0)
  if (transform === 'none') return
  expect(ends.filter((end) => end)).toHaveLength(1)
  expect(ends.at(-1)).toBe(true)
}

describe('a request body', () => {
  it('arrives as it was sent, in any chunks, over any attempts, under any back-pressure, within its credit', async () => {
    await fc.assert(fc.asyncProperty(script, play), { numRuns: 400 })
  })

  it('is taken under credit: not one byte more than the window lies in memory while nobody wants it', () => {
    const grants: number[] = []
    const body = new RequestBody(
      {
        contentLength: -2,
        buffer: false,
        limitBytes: 0,
        transform: null,
        port: { grant: (granted) => grants.push(granted) },
      },
      { fail: () => undefined },
    )
    for (let i = 0; i < 4; i += 1) body.receive(bytes(65_536), false)
    expect(grants).toEqual([])
    const sink = new Sink(() => true)
    body.attach(sink)
    for (let i = 0; i < 3; i += 1) body.onDrain()
    expect(grants.reduce((sum, granted) => sum + granted, 0)).toBe(WINDOW_BYTES)
  })

  it('is given credit once for what is sent twice', () => {
    let granted = 0
    const body = new RequestBody(
      {
        contentLength: -2,
        buffer: false,
        limitBytes: 0,
        transform: null,
        port: { grant: (more) => (granted += more) },
      },
      { fail: () => undefined },
    )
    body.receive(bytes(60_000), false)
    for (let i = 0; i < 10; i += 1) {
      body.attach(new Sink(() => false))
      body.detach()
    }
    expect(granted).toBe(0)
    body.attach(new Sink(() => false))
    body.receive(bytes(80_000), false)
    expect(granted).toBe(140_000)
  })

  it('can be sent again up to 64 KiB, and beyond that until its first byte has left', () => {
    const make = (): RequestBody =>
      new RequestBody(
        {
          contentLength: -2,
          buffer: false,
          limitBytes: 0,
          transform: null,
          port: { grant: () => undefined },
        },
        { fail: () => undefined },
      )
    const small = make()
    small.attach(new Sink(() => false))
    small.receive(bytes(65_536), false)
    expect(small.replayable).toBe(true)
    small.receive(bytes(1), false)
    expect(small.replayable).toBe(false)
    const large = make()
    large.attach(new Sink(() => false))
    large.receive(bytes(65_537), false)
    expect(large.replayable).toBe(false)
    const unsent = make()
    unsent.receive(bytes(200_000), true)
    expect(unsent.replayable).toBe(true)
    const sink = new Sink(() => false)
    unsent.attach(sink)
    expect(sink.content.length).toBe(200_000)
    expect(unsent.replayable).toBe(false)
  })

  it('that an asynchronous filter holds when its attempt fails goes whole to the next one', async () => {
    const pending: (() => void)[] = []
    const body = new RequestBody(
      {
        contentLength: -2,
        buffer: false,
        limitBytes: 0,
        transform: (piece) => new Promise((resolve) => pending.push(() => resolve(piece))),
        port: { grant: () => undefined },
      },
      { fail: () => undefined },
    )
    const first = new Sink(() => false)
    body.attach(first)
    body.receive(bytes(10), true)
    body.detach()
    const second = new Sink(() => false)
    body.attach(second)
    for (const resolve of pending.splice(0)) resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect(first.content.length).toBe(0)
    expect(second.content).toEqual(Buffer.from(bytes(10)))
    expect(second.ended).toBe(1)
  })

  it('that an asynchronous filter refuses after its attempt has failed fails nothing', async () => {
    const errors: unknown[] = []
    let refuse: (error: Error) => void = () => undefined
    const body = new RequestBody(
      {
        contentLength: -2,
        buffer: false,
        limitBytes: 0,
        transform: () =>
          new Promise((_resolve, reject) => {
            refuse = reject
          }),
        port: { grant: () => undefined },
      },
      { fail: ({ cause }) => errors.push(cause) },
    )
    body.attach(new Sink(() => false))
    body.receive(bytes(10), true)
    body.detach()
    refuse(new Error('late'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toEqual([])
    body.attach(new Sink(() => false))
    refuse(new Error('in time'))
    await new Promise((resolve) => setImmediate(resolve))
    expect(errors).toEqual([new Error('in time')])
  })

  it('announced larger than what may be buffered is refused before a byte of it has come', () => {
    const failures: string[] = []
    const body = new RequestBody(
      {
        contentLength: 101,
        buffer: true,
        limitBytes: 100,
        transform: null,
        port: { grant: () => undefined },
      },
      { fail: ({ code }) => failures.push(code) },
    )
    body.whenReady(() => {
      throw new Error('ready')
    })
    expect(failures).toEqual([bodyTooLarge().code])
  })

  it('is given no credit behind its end', () => {
    const grants: number[] = []
    const body = new RequestBody(
      {
        contentLength: -2,
        buffer: false,
        limitBytes: 0,
        transform: null,
        port: { grant: (granted) => grants.push(granted) },
      },
      { fail: () => undefined },
    )
    body.attach(new Sink(() => false))
    body.receive(bytes(200_000), true)
    expect(grants).toEqual([])
  })

  it('gathered has memory of its own, shared with nobody', () => {
    const body = new RequestBody(
      {
        contentLength: 20,
        buffer: true,
        limitBytes: 100,
        transform: null,
        port: { grant: () => undefined },
      },
      { fail: () => undefined },
    )
    body.receive(bytes(10), false)
    body.receive(bytes(10, 10 * 31), true)
    expect(body.whole().buffer.byteLength).toBe(20)
    expect(body.whole()).toEqual(bytes(20))
  })
})
