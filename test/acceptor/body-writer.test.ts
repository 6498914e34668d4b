import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BodyWriter, ChunkedWriter, SizedWriter } from '#src/acceptor/uws/body-writer.js'
import type { UwsResponse } from '#src/acceptor/uws/native-types.js'

/** uWS as far as the writers see it: a socket that has room for some bytes, and what is buffered behind it. */
class Socket {
  room = 0
  sent: number[] = []
  buffered: number[] = []
  mostBuffered = 0
  announced: number | null = null
  ended = false
  readonly response: UwsResponse

  constructor() {
    const fake: Pick<UwsResponse, 'tryEnd' | 'getWriteOffset' | 'write'> = {
      tryEnd: (chunk, total) => this.#tryEnd(chunk as Uint8Array, total),
      getWriteOffset: () => this.sent.length,
      write: (chunk) => this.#write(chunk as Uint8Array),
    }
    this.response = fake as UwsResponse
  }

  #tryEnd(chunk: Uint8Array, total: number): [boolean, boolean] {
    expect(this.ended).toBe(false)
    expect(chunk.length).toBeGreaterThan(0)
    this.announced ??= total
    const taken = chunk.subarray(0, this.room)
    this.sent.push(...taken)
    this.room -= taken.length
    this.ended = this.sent.length === total
    return [taken.length === chunk.length, this.ended]
  }

  #write(chunk: Uint8Array): boolean {
    expect(chunk.length).toBeGreaterThan(0)
    this.buffered.push(...chunk)
    this.drain()
    return this.buffered.length === 0
  }

  /** What uWS does with its buffer when the socket has room and it is corked. */
  drain(): void {
    const taken = this.buffered.splice(0, this.room)
    this.sent.push(...taken)
    this.room -= taken.length
    this.mostBuffered = Math.max(this.mostBuffered, this.buffered.length)
  }
}

const MOST_PIECE = 2_000
const pieces = fc.array(fc.integer({ min: 1, max: MOST_PIECE }), { minLength: 1, maxLength: 12 })
/** Room that comes up turn by turn, over and over. */
const rooms = fc
  .array(fc.integer({ min: 0, max: 1_500 }), { minLength: 1, maxLength: 8 })
  .filter((turns) => turns.some((bytes) => bytes > 0))

/** Plays an owner that stops on false, against a socket that gets room bit by bit. Returns what the owner gave. */
function play(
  writer: BodyWriter,
  socket: Socket,
  sizes: readonly number[],
  room: readonly number[],
): number[] {
  const given: number[] = []
  const rest = [...sizes]
  let mayWrite = true
  for (let turn = 0; turn < 500_000; turn += 1) {
    while (mayWrite && rest.length > 0) {
      // A Buffer, whose `slice` would not copy.
      const piece = Buffer.from(
        Uint8Array.from({ length: rest.shift() ?? 0 }, (_, i) => (given.length + i) % 251),
      )
      given.push(...piece)
      mayWrite = writer.write(piece)
      // Valid only during the call.
      piece.fill(255)
    }
    if (rest.length === 0 && writer.isEmpty && socket.buffered.length === 0) return given
    socket.room = room[turn % room.length] ?? 0
    socket.drain()
    mayWrite = writer.resume()
  }
  throw new Error('it never came to an end')
}

describe('SizedWriter', () => {
  it('sends everything in order, and no byte is lost or doubled', () => {
    fc.assert(
      fc.property(pieces, rooms, fc.boolean(), (sizes, room, staysOpen) => {
        const total = sizes.reduce((sum, size) => sum + size, 0)
        fc.pre(total >= 2)
        const socket = new Socket()
        const writer = new SizedWriter(socket.response, total, staysOpen)
        const given = play(writer, socket, sizes, room)
        expect(socket.sent).toEqual(given)
        expect(socket.announced).toBe(total)
        // An answer behind which the connection is closed must not be ended by uWS.
        expect([writer.hasEnded, socket.ended]).toEqual([!staysOpen, !staysOpen])
      }),
    )
  })

  it('an answer in one piece that has to stay open announces its true length', () => {
    const socket = new Socket()
    socket.room = 100
    const writer = new SizedWriter(socket.response, 10, true)
    expect(writer.write(new Uint8Array(10))).toBe(true)
    expect([socket.announced, socket.sent.length, socket.ended, writer.hasEnded]).toEqual([
      10,
      10,
      false,
      false,
    ])
  })
})

it.each([
  ['SizedWriter', (response: UwsResponse) => new SizedWriter(response, 30, false)],
  ['ChunkedWriter', (response: UwsResponse) => new ChunkedWriter(response)],
])('%s keeps in order what is written though it said to wait', (_, make) => {
  const socket = new Socket()
  const writer = make(socket.response)
  const given = [...Array(30).keys()]
  const parts = [0, 10, 20].map((from) => Uint8Array.from(given.slice(from, from + 10)))
  expect(parts.map((part) => writer.write(part))).toEqual([false, false, false])
  socket.room = 1_000
  socket.drain()
  expect([writer.resume(), writer.isEmpty]).toEqual([true, true])
  expect(socket.sent).toEqual(given)
})

describe('ChunkedWriter', () => {
  it('sends everything in order, and no byte is lost or doubled', () => {
    fc.assert(
      fc.property(pieces, rooms, (sizes, room) => {
        const socket = new Socket()
        const given = play(new ChunkedWriter(socket.response), socket, sizes, room)
        expect(socket.sent).toEqual(given)
      }),
    )
  })

  it('U18 never lets uWS buffer more than one piece and a few probes, however slow the client is', () => {
    fc.assert(
      fc.property(fc.array(fc.constant(MOST_PIECE), { minLength: 20, maxLength: 40 }), (sizes) => {
        const socket = new Socket()
        play(new ChunkedWriter(socket.response), socket, sizes, [1_100])
        expect(socket.mostBuffered).toBeLessThanOrEqual(MOST_PIECE + 2 * 1_024)
      }),
      { numRuns: 10 },
    )
  })
})
