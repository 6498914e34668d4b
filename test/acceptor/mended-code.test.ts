import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mendCode } from '#src/acceptor/uws/mended-code.js'

/** As the places stand in the pinned binaries. */
const READ = Buffer.from('ba0000080031c9e8', 'hex')
const QUICK_END = Buffer.from('0fb6c383f83a7461', 'hex')
const NAME_END = Buffer.from('4c29f04889024c89720841803b3a0f8500010000', 'hex')
const TRIM_END = Buffer.from('41807c0301217d', 'hex')
const TRIM_START = Buffer.from('41807bff207f', 'hex')
const parser = (gap: number) => Buffer.concat([QUICK_END, Buffer.alloc(gap), NAME_END, TRIM_END, TRIM_START])
const CLOSES = ['4889de31d231c9e8aabbccdd4d8bb7f80d0000', '4889de31d231c9e8aabbccdd4d8bb7380e0000'].map(
  (hex) => Buffer.from(hex, 'hex'),
)
const TELL = Buffer.from('4c89f74889debaffffffff41ff5618', 'hex')
const counting = Buffer.concat([...CLOSES, TELL, Buffer.alloc(4), TELL])
const WARNING = Buffer.from(`833800743c4c89742410${'00'.repeat(50)}83380075c4`, 'hex')
const WARNING_START = WARNING.subarray(0, 10)
const FREES = [
  'e8aabbccdd488b3b85c074d848891f',
  'e8aabbccdd488b3b85c074d848891f',
  'e8aabbccdd498b3e85c074d84c8937',
  'e8aabbccdd488b3b85c0740548891f',
].map((hex) => Buffer.from(hex, 'hex'))
const frees = Buffer.concat(FREES)
const rest = Buffer.concat([counting, WARNING, WARNING, frees])
const known = Buffer.concat([READ, Buffer.alloc(10), parser(100), rest])

describe('the mended code of uws', () => {
  const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
  const names = readdirSync(folder).filter((name) => name.startsWith('uws_linux_x64_'))

  it.each(names)('is known in %s, and changed in these places only', (name) => {
    const binary = readFileSync(join(folder, name))
    const copy = mendCode(binary)
    const changed: number[] = []
    for (let i = 0; i < binary.length; i += 1) if (binary[i] !== copy?.[i]) changed.push(i)
    const places = [READ, QUICK_END, NAME_END.subarray(0, 16), TRIM_END, TRIM_START, TELL].map((code) =>
      binary.indexOf(code),
    )
    places.push(binary.lastIndexOf(TELL))
    for (const at of [binary.indexOf(WARNING_START), binary.lastIndexOf(WARNING_START)])
      places.push(at, at + 60)
    for (const close of CLOSES) places.push(binary.indexOf(close.subarray(12)) - 12)
    for (const free of FREES.map((each) => each.subarray(5)))
      places.push(binary.indexOf(free) - 5, binary.lastIndexOf(free) - 5)
    expect(places.every((at) => at > 0)).toBe(true)
    expect(changed.filter((at) => !places.some((place) => at >= place && at < place + 20))).toEqual([])
    // What was changed is not the known code any more.
    expect(copy === null ? null : mendCode(copy)).toBeNull()
  })

  it('reads 128 KiB a turn, and jumps to the refusal from both ends of a name', () => {
    const copy = mendCode(known) ?? Buffer.alloc(0)
    expect(copy.readUInt32LE(1)).toBe(131_072)
    const [quick, end] = [18, 126]
    const refuse = end + 20 + 0x100
    // jmp over the refusal, which is a jmp itself
    expect([copy[quick], copy[quick + 1], copy[quick + 2]]).toEqual([0xeb, 6, 0xe9])
    expect(quick + 7 + copy.readInt32LE(quick + 3)).toBe(refuse)
    // je and jne, both to the refusal
    expect([copy[end + 3], end + 5 + copy.readInt8(end + 4)]).toEqual([0x74, quick + 2])
    expect([copy[end + 16], end + 18 + copy.readInt8(end + 17)]).toEqual([0x75, quick + 2])
  })

  it('takes only blanks off the ends of a value: the comparisons are unsigned', () => {
    const copy = mendCode(known) ?? Buffer.alloc(0)
    const [end, start] = [TRIM_END, TRIM_START].map((code) => known.indexOf(code) + code.length - 1)
    // jae and ja
    expect([copy[end ?? 0], copy[start ?? 0]]).toEqual([0x73, 0x77])
  })

  it('tells with which code a connection was closed, and closes with one of its own what the parser refuses', () => {
    const copy = mendCode(known) ?? Buffer.alloc(0)
    const from = known.indexOf(counting)
    // lea edx, [rbp+0x7c], and the call as it was
    for (const at of [from, from + 19])
      expect(copy.toString('hex', at, at + 12)).toBe('4889de8d557c90e8aabbccdd')
    // mov edx, esi; not edx, and the call as it was
    for (const at of [from + 38, from + 57])
      expect(copy.toString('hex', at, at + 15)).toBe('4c89f789f2f7d24889de9041ff5618')
  })

  it('goes past the warning of a WebSocket, whatever it compares', () => {
    const copy = mendCode(known) ?? Buffer.alloc(0)
    const from = known.indexOf(WARNING)
    for (const at of [from, from + WARNING.length])
      expect([copy.toString('hex', at, at + 10), copy.toString('hex', at + 60, at + 65)]).toEqual([
        '83380090904c89742410',
        '833800ebc4',
      ])
  })

  it('frees what is kept of a connection unless its handle is closing still', () => {
    const copy = mendCode(known) ?? Buffer.alloc(0)
    const from = known.indexOf(frees)
    // flags & 3 - 1, and a jump to where it is freed unless that is 0
    expect(copy.toString('hex', from, from + frees.length)).toBe(
      '8b475883e003ffc8669075d848891f'.repeat(2) +
        '8b475883e003ffc8669075d84c8937' +
        '8b475883e003ffc8669075' +
        '0548891f',
    )
  })

  it.each([
    ['is not there', Buffer.alloc(200)],
    ['is there twice', Buffer.concat([known, known])],
    ['lies elsewhere', Buffer.concat([READ, Buffer.alloc(10), parser(99), rest])],
    ['reads otherwise', Buffer.concat([parser(100), rest])],
    ['frees otherwise', Buffer.concat([READ, parser(100), counting, WARNING, WARNING, ...FREES.slice(1)])],
    [
      'frees by another way',
      Buffer.concat([READ, parser(100), counting, WARNING, WARNING, Buffer.from(frees).fill(0xff, 15, 16)]),
    ],
    [
      'closes otherwise',
      Buffer.concat([READ, parser(100), TELL, TELL, CLOSES[0] ?? TELL, WARNING, WARNING, frees]),
    ],
    ['tells otherwise', Buffer.concat([READ, parser(100), ...CLOSES, TELL, WARNING, WARNING, frees])],
    ['warns otherwise', Buffer.concat([READ, parser(100), counting, WARNING, frees])],
  ])('is left alone where the known code %s', (_, binary) => {
    expect(mendCode(binary)).toBeNull()
  })
})
