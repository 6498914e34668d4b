import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidHeader } from '#src/session/errors.js'
import { FRAMING } from '#src/session/header-rules.js'
import { Headers } from '#src/session/headers.js'
import { requestBlock, responseBlock } from '#src/session/wire-block.js'

const name = fc.constantFrom('x-a', 'X-A', 'x-b', 'Set-Cookie', 'content-type')
const value = fc.string({
  unit: fc.constantFrom('a', 'B', ' ', '\t', '"', '\xa0', '\xff', ',', ':'),
  maxLength: 8,
})
const command = fc.oneof(
  fc.tuple(fc.constant('append' as const), name, value),
  fc.tuple(fc.constant('set' as const), name, value),
  fc.tuple(fc.constant('remove' as const), name, fc.constant('')),
  fc.tuple(fc.constant('read' as const), name, fc.constant('')),
)

const trim = (text: string): string => text.replace(/^[ \t]+|[ \t]+$/g, '')

describe('headers', () => {
  it('A-21 append adds a line and keeps those present, set replaces', () => {
    const headers = new Headers('x-request-id: a\r\n')
    headers.append('X-Request-Id', 'b')
    expect(headers.getAll('x-request-id')).toEqual(['a', 'b'])
    expect(headers.toBlock()).toBe('x-request-id: a\r\nX-Request-Id: b\r\n')
    expect(headers.get('x-request-id')).toBe('a, b')
    headers.set('X-REQUEST-ID', 'c')
    expect(headers.getAll('x-request-id')).toEqual(['c'])
  })

  it('A-22 remove takes all values in any case and tells how many', () => {
    const headers = new Headers('A: 1\r\nx-internal: 1\r\nX-Internal: 2\r\nb: 3\r\n')
    expect(headers.remove('X-INTERNAL')).toBe(2)
    expect(headers.remove('x-internal')).toBe(0)
    expect(headers.toBlock()).toBe('A: 1\r\nb: 3\r\n')
  })

  it.each([
    ['x', 'a\rb'],
    ['x', 'a\nb'],
    ['x', 'a\r\nevil: 1'],
    ['x', 'a\0b'],
    ['x', 'a\x7f'],
    ['x', 'ā'],
    ['x\r\n', 'a'],
    ['x\n', 'a'],
    ['x\0', 'a'],
    ['x:', 'a'],
    ['x y', 'a'],
    ['', 'a'],
    ['ä', 'a'],
  ])('A-24 append and set refuse %j: %j', (badName, badValue) => {
    for (const method of ['append', 'set'] as const) {
      const headers = new Headers('x: 1\r\n')
      expect(() => headers[method](badName, badValue)).toThrow(InvalidHeader)
      expect(headers.toBlock()).toBe('x: 1\r\n')
    }
  })

  it.each([[undefined], [null], [5], [{}], [['a']]])(
    'A-24 a value %j that is no string is refused',
    (wrong) => {
      const headers = new Headers()
      expect(() => headers.append('x', wrong as unknown as string)).toThrow(InvalidHeader)
      expect(() => headers.append(wrong as unknown as string, 'x')).toThrow(InvalidHeader)
    },
  )

  it('obs-text survives: a value may end in the byte 0xA0, half of a letter in UTF-8', () => {
    const utf8 = Buffer.from('voilà', 'utf8').toString('latin1')
    const headers = new Headers(`x: \t${utf8} \t\r\n`)
    expect(headers.get('x')).toBe(utf8)
    headers.append('y', utf8)
    expect(new Headers(headers.toBlock()).get('y')).toBe(utf8)
    expect(headers.get('y')).toBe(utf8)
  })

  it('agree with a list of pairs, whatever is done to them', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        const headers = new Headers('x-a: first\r\n')
        let model: [string, string][] = [['x-a', 'first']]
        for (const [kind, key, text] of commands) {
          const others = model.filter(([other]) => other.toLowerCase() !== key.toLowerCase())
          const mine = model.filter(([other]) => other.toLowerCase() === key.toLowerCase())
          if (kind === 'append') {
            headers.append(key, text)
            model.push([key, trim(text)])
          } else if (kind === 'set') {
            headers.set(key, text)
            model = [...others, [key, trim(text)]]
          } else if (kind === 'remove') {
            expect(headers.remove(key)).toBe(mine.length)
            model = others
          } else {
            expect(headers.getAll(key)).toEqual(mine.map(([, own]) => own))
            expect(headers.has(key)).toBe(mine.length > 0)
          }
        }
        const lines = new Headers(headers.clone().toBlock())
        expect([...lines]).toEqual(model)
        expect([...headers.entries()]).toEqual(model)
        expect(headers.size).toBe(model.length)
      }),
    )
  })
})

describe('what goes on the wire', () => {
  it('is the block as it came while nobody touched a field that needs care', () => {
    const odd = 'Host:a\r\nX-Odd:   1\r\n'
    const headers = new Headers(odd)
    expect(requestBlock(headers)).toBe(odd)
    headers.append('x-b', '2')
    expect(requestBlock(headers)).toBe(`${odd}x-b: 2\r\n`)
    expect(headers.get('x-odd')).toBe('1')
  })

  it.each([...FRAMING])('leaves out %s that a filter has put there', (field) => {
    for (const spelling of [field, field.toUpperCase()]) {
      const headers = new Headers('host: a\r\n')
      headers.append(spelling, '5')
      headers.append('x', '1')
      expect(requestBlock(headers)).toBe('host: a\r\nx: 1\r\n')
      expect(requestBlock(headers.clone())).toBe('host: a\r\nx: 1\r\n')
      expect(responseBlock(headers)).toBe('host: a\r\nx: 1\r\n')
    }
  })

  it('has one Host to an upstream', () => {
    const twice = new Headers('host: a\r\n')
    twice.append('Host', 'b')
    expect(() => requestBlock(twice)).toThrow('more than one Host')
    const none = new Headers('host: a\r\n')
    none.remove('host')
    expect(() => requestBlock(none)).toThrow('no Host')
    const other = new Headers('host: a\r\n')
    other.set('host', 'b')
    expect(requestBlock(other)).toBe('host: b\r\n')
  })

  it('leaves the Date of an answer to the acceptor, and that of a request alone', () => {
    const headers = new Headers('host: a\r\n')
    headers.set('Date', 'now')
    expect(responseBlock(headers)).toBe('host: a\r\n')
    expect(requestBlock(headers)).toBe('host: a\r\nDate: now\r\n')
  })
})
