import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ClientPort } from '#src/lifecycle/index.js'
import type { BodyTransform } from '#src/lifecycle/phase-runner.js'
import { ResponsePipe } from '#src/lifecycle/response-pipe.js'
import type { ResponsePipeOwner, ResponseSource } from '#src/lifecycle/response-pipe-types.js'
import { bytes } from './support.js'

/** A client that keeps what it gets, and checks that it makes sense. */
class Port implements ClientPort {
  readonly parts: Uint8Array[] = []
  readonly frames: string[] = []
  length: number | null = null
  trailers = ''
  ended = false
  failed = false
  flushWanted = false
  readonly #blocks: () => boolean
  constructor(blocks: () => boolean = () => false) {
    this.#blocks = blocks
  }
  head(
    _status: number,
    _text: string,
    _block: string,
    length: number | null,
    body: Uint8Array | null,
    complete: boolean,
  ): void {
    expect(this.frames).toEqual([])
    this.frames.push('head')
    this.length = length
    if (body !== null) this.parts.push(Uint8Array.from(body))
    if (complete) this.ended = true
  }
  informational(): void {}
  body(chunk: Uint8Array): boolean {
    expect(this.frames[0]).toBe('head')
    expect(this.ended || this.failed).toBe(false)
    this.frames.push('body')
    this.parts.push(Uint8Array.from(chunk))
    return !this.#blocks()
  }
  end(trailers: string): void {
    expect(this.frames[0]).toBe('head')
    expect(this.ended || this.failed).toBe(false)
    this.trailers = trailers
    this.ended = true
  }
  fail(): void {
    expect(this.frames[0]).toBe('head')
    expect(this.ended).toBe(false)
    this.failed = true
  }
  grant(): void {}
  flushLater(): void {
    this.flushWanted = true
  }
  get content(): Buffer {
    return Buffer.concat(this.parts)
  }
}

const HEAD = { status: 200, text: '', block: '' }

interface PipeOptions extends ResponsePipeOwner {
  readonly source: ResponseSource
  readonly collectBytes: number
}

function pipeTo(port: Port, options: Partial<PipeOptions> = {}): ResponsePipe {
  const { source = { pause() {}, resume() {} }, collectBytes = 0, ...owner } = options
  return new ResponsePipe(port, source, collectBytes, {
    filterTrailers: (block) => block,
    onTooLarge: () => undefined,
    onError: () => undefined,
    onSent: () => undefined,
    ...owner,
  })
}

interface Script {
  readonly chunks: readonly number[]
  readonly known: boolean
  readonly transform: 'none' | 'sync' | 'async'
  readonly trailers: string
  /** Before which chunk the head becomes final. */
  readonly openAt: number
  readonly events: readonly ('writable' | 'settle' | 'flush' | 'nothing')[]
  readonly blocks: readonly boolean[]
  readonly breaksOff: boolean
}

const script: fc.Arbitrary<Script> = fc.record({
  chunks: fc.array(fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 65_536 })), {
    maxLength: 10,
  }),
  known: fc.boolean(),
  transform: fc.constantFrom('none', 'sync', 'async'),
  trailers: fc.constantFrom('', '', 'x: 1\r\n'),
  openAt: fc.nat(10),
  events: fc.array(fc.constantFrom('writable', 'settle', 'flush', 'nothing'), { maxLength: 30 }),
  blocks: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
  breaksOff: fc.boolean(),
})

/** With its first byte changed. */
function flipped(piece: Uint8Array): Uint8Array {
  const made = piece.slice()
  made[0] = (made[0] ?? 0) ^ 0xff
  return made
}

async function play(what: Script): Promise<void> {
  const { chunks, transform, openAt, events, blocks, breaksOff } = what
  // Trailers come with chunked framing only.
  const known = what.known && what.trailers === '' && chunks.length > 0
  const content = Buffer.concat(chunks.map((length, index) => bytes(length, index)))
  const pending: (() => void)[] = []
  const ends: boolean[] = []
  let paused = false
  let sent = 0
  let blockCount = 0
  const errors: unknown[] = []
  const port = new Port(() => blocks[blockCount++ % blocks.length] ?? false)
  const pipe = pipeTo(port, {
    source: {
      pause: () => {
        paused = true
      },
      resume: () => {
        paused = false
      },
    },
    onError: (error) => errors.push(error),
    onSent: () => {
      sent += 1
    },
  })
  const filters: BodyTransform = (piece, end) => {
    ends.push(end)
    // Something of its own, to see that all pieces pass it once.
    const made = flipped(piece)
    return transform === 'sync' ? made : new Promise((resolve) => pending.push(() => resolve(made)))
  }
  const open = (): void =>
    pipe.open(HEAD, known ? content.length : null, transform === 'none' ? null : filters)
  const settle = async (): Promise<void> => {
    for (const resolve of pending.splice(0)) resolve()
    for (let i = 0; i < 4; i += 1) await null
  }
  const happen = async (event: Script['events'][number] | undefined): Promise<void> => {
    if (event === 'settle') await settle()
    if (event === 'writable') pipe.onWritable()
    if (event === 'flush' && port.flushWanted) {
      port.flushWanted = false
      pipe.flushHead()
    }
  }
  const goOn = async (): Promise<void> => {
    await settle()
    await happen('flush')
    await happen('writable')
  }
  let step = 0
  let opened = false
  for (const [index, length] of chunks.entries()) {
    if (index === openAt) {
      opened = true
      open()
    }
    // A source that is told to pause delivers one chunk more, and then waits until it is resumed.
    for (let i = 0; paused && opened && i < 50; i += 1) await goOn()
    if (opened) expect(paused).toBe(false)
    const piece = Uint8Array.from(bytes(length, index))
    pipe.chunk(piece)
    piece.fill(0)
    await happen(events[step++])
    await happen(events[step++])
  }
  if (!opened) open()
  if (breaksOff) {
    const already = port.ended
    if (pipe.headSent) pipe.breakOff()
    else pipe.drop()
    await goOn()
    pipe.onWritable()
    pipe.flushHead()
    // Incomplete is never ended properly: it is broken off, or there is no head at all.
    if (already) expect(port.failed).toBe(false)
    else expect(port.ended).toBe(false)
    if (!already) expect(port.failed).toBe(port.frames.length > 0)
    expect(sent).toBe(already ? 1 : 0)
    return
  }
  pipe.end(what.trailers)
  for (let i = 0; i < 60; i += 1) await goOn()
  const pieces = chunks.map((length, index) => bytes(length, index))
  const expected = Buffer.concat(transform === 'none' ? pieces : pieces.map(flipped))
  expect(Buffer.compare(port.content, expected)).toBe(0)
  expect(port.ended).toBe(true)
  expect(port.trailers).toBe(what.trailers)
  expect([null, content.length]).toContain(port.length)
  expect(pipe.bytesOut).toBe(content.length)
  expect(sent).toBe(1)
  expect(errors).toEqual([])
  if (transform === 'none') return
  expect(ends.filter((end) => end)).toHaveLength(1)
  expect(ends.at(-1)).toBe(true)
}

describe('a response', () => {
  it('arrives as it was sent, in any chunks, however filters and client dawdle, or is broken off', async () => {
    await fc.assert(fc.asyncProperty(script, play), { numRuns: 400 })
  })

  it('that was held back until its head was final goes on afterwards', () => {
    const calls: string[] = []
    const port = new Port()
    const pipe = pipeTo(port, {
      source: { pause: () => calls.push('pause'), resume: () => calls.push('resume') },
    })
    pipe.chunk(bytes(100))
    expect(calls).toEqual(['pause'])
    pipe.open(HEAD, 50_000, null)
    expect(calls).toEqual(['pause', 'resume'])
  })

  it('of known length in one chunk leaves in one frame with its head', () => {
    const port = new Port()
    const pipe = pipeTo(port)
    pipe.open(HEAD, 100, null)
    pipe.chunk(bytes(100))
    expect(port.frames).toEqual(['head'])
    expect(port.ended).toBe(true)
    expect(port.length).toBe(100)
    pipe.end('')
    expect(port.content.length).toBe(100)
  })

  it('of unknown length that ends in the turn of its head gets a length; one that does not goes out at the end of the turn', () => {
    const quick = new Port()
    const whole = pipeTo(quick)
    whole.open(HEAD, null, null)
    whole.chunk(bytes(100))
    whole.end('')
    expect([quick.frames, quick.length]).toEqual([['head'], 100])
    const slow = new Port()
    const stream = pipeTo(slow)
    stream.open(HEAD, null, null)
    stream.chunk(bytes(100))
    expect(slow.frames).toEqual([])
    expect(slow.flushWanted).toBe(true)
    stream.flushHead()
    expect(slow.frames).toEqual(['head', 'body'])
    expect(slow.length).toBeNull()
  })

  it('whose first piece an asynchronous filter holds is flushed when that is done, without waiting for the next piece', async () => {
    const port = new Port()
    let finish: () => void = () => undefined
    const pipe = pipeTo(port)
    pipe.open(
      HEAD,
      null,
      (piece) =>
        new Promise((resolve) => {
          finish = () => resolve(piece)
        }),
    )
    pipe.chunk(bytes(10))
    port.flushWanted = false
    pipe.flushHead()
    expect(port.frames).toEqual([])
    finish()
    await new Promise((resolve) => setImmediate(resolve))
    expect(port.flushWanted).toBe(true)
    pipe.flushHead()
    expect(port.content).toEqual(Buffer.from(bytes(10)))
  })

  it('made whole and large goes out in pieces, at the pace of the client', () => {
    let blocked = true
    const port = new Port(() => blocked)
    const pipe = pipeTo(port)
    pipe.complete(HEAD, bytes(300_000))
    expect(port.parts.map((part) => part.length)).toEqual([65_536])
    expect(port.length).toBe(300_000)
    pipe.onWritable()
    expect(port.parts).toHaveLength(2)
    blocked = false
    pipe.onWritable()
    expect(port.content).toEqual(Buffer.from(bytes(300_000)))
    expect(port.ended).toBe(true)
  })

  it('collected is delivered once it is whole and wanted, and refused when it is too large', () => {
    const port = new Port()
    let tooLarge = 0
    const got: number[] = []
    const pipe = pipeTo(port, { collectBytes: 100, onTooLarge: () => (tooLarge += 1) })
    pipe.chunk(bytes(60))
    pipe.end('x: 1\r\n')
    expect(got).toEqual([])
    pipe.whenCollected((body) => got.push(body.length))
    expect(got).toEqual([60])
    pipe.complete(HEAD, bytes(5))
    expect([port.content.length, port.trailers, port.length]).toEqual([5, 'x: 1\r\n', null])
    const large = pipeTo(new Port(), { collectBytes: 100, onTooLarge: () => (tooLarge += 1) })
    large.chunk(bytes(101))
    expect(tooLarge).toBe(1)
  })

  it('that was dropped sends nothing any more, whatever comes', async () => {
    const port = new Port()
    let finish: () => void = () => undefined
    const pipe = pipeTo(port)
    pipe.open(
      HEAD,
      null,
      (piece) =>
        new Promise((resolve) => {
          finish = () => resolve(piece)
        }),
    )
    pipe.chunk(bytes(100_000))
    pipe.drop()
    finish()
    await new Promise((resolve) => setImmediate(resolve))
    pipe.chunk(bytes(1))
    pipe.end('')
    pipe.flushHead()
    pipe.onWritable()
    pipe.complete(HEAD, bytes(1))
    pipe.bodiless(HEAD, null)
    pipe.breakOff()
    expect(port.frames).toEqual([])
    expect(port.failed).toBe(false)
  })
})
