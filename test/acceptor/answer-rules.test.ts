import { describe, expect, it } from 'vitest'
import { isAnswerHead } from '#src/acceptor/answer-rules.js'
import { clientAddress, ipv4Address } from '#src/acceptor/client-address.js'
import { headerLines } from '#src/acceptor/header-lines.js'

describe('isAnswerHead', () => {
  it.each([
    [200, 'OK', ''],
    [404, 'Not Found', 'x-a: 1\r\nset-cookie: \xe9\r\nset-cookie:\r\n'],
    [299, '', 'a:\tb\r\n'],
  ])('accepts %i %s', (status, text, block) => {
    expect(isAnswerHead(status, text, block)).toBe(true)
  })

  it.each([
    ['a second answer', 200, 'OK', 'a: b\r\n\r\nHTTP/1.1 200 OK\r\n'],
    ['a bare LF', 200, 'OK', 'a: b\nc: d\r\n'],
    ['a bare CR', 200, 'OK', 'a: b\rc\r\n'],
    ['a NUL', 200, 'OK', 'a: \0\r\n'],
    ['no CRLF at the end', 200, 'OK', 'a: b'],
    ['a line without colon', 200, 'OK', 'ab\r\n'],
    ['no name', 200, 'OK', ': b\r\n'],
    ['a space before the colon', 200, 'OK', 'a : b\r\n'],
    ['a folded line', 200, 'OK', 'a: b\r\n c\r\n'],
    ['a character that is no byte', 200, 'OK', 'a: \u20ac\r\n'],
    ['CRLF in the status text', 200, 'OK\r\nx: y', ''],
    ['an interim status', 100, 'Continue', ''],
    ['a status of four digits', 1000, 'OK', ''],
    ['a fraction', 200.5, 'OK', ''],
  ])('U14 B15 refuses %s', (_, status, text, block) => {
    expect(isAnswerHead(status, text, block)).toBe(false)
    // Nor does it pass because something good stood there before.
    isAnswerHead(200, 'OK', 'a: b\r\n')
    expect(isAnswerHead(status, text, block)).toBe(false)
  })
})

describe('client addresses', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    [undefined, ''],
  ])('%s is %s', (text, expected) => {
    expect(clientAddress(text)).toBe(expected)
  })

  it('binary IPv4 and mapped IPv6 become text, anything else does not', () => {
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]
    const text = (...bytes: number[]) => ipv4Address(Uint8Array.from(bytes).buffer)
    expect(text(192, 0, 2, 255)).toBe('192.0.2.255')
    expect(text(192, 0, 2, 255)).toBe('192.0.2.255')
    expect(text(255, 255, 255, 255)).toBe('255.255.255.255')
    expect(text(...mapped, 10, 0, 0, 1)).toBe('10.0.0.1')
    expect(text(0x20, 1, ...mapped.slice(2), 10, 0, 0, 1)).toBe('')
    expect(text()).toBe('')
  })
})

describe('headerLines', () => {
  it('gives names and values in turn', () => {
    expect(headerLines('a: 1\r\nB:2\r\na:\r\nx:  y: z \r\n')).toEqual([
      'a',
      '1',
      'B',
      '2',
      'a',
      '',
      'x',
      'y: z',
    ])
    expect(headerLines('')).toEqual([])
  })
})
