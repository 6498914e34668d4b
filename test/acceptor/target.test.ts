import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isHost } from '#src/acceptor/guard/host.js'
import { strictTarget } from '#src/acceptor/guard/target.js'

/** RFC 3986 §3.3 and §3.4, and the origin-form of RFC 9112 §3.2.1. */
const PCHAR = "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2})"
const ORIGIN_FORM = new RegExp(`^/(?:${PCHAR}|/)*(?:\\?(?:${PCHAR}|[/?])*)?$`)

describe('strictTarget', () => {
  it.each(['/', '/a/b;c=d', "/~x!$&'()*+,;=:@", '/%41%2f', '/a?', '/a?b=%00&c=/?', '//host/path', '/a/../b'])(
    'leaves %s as it is',
    (target) => {
      expect(strictTarget(target)).toBe(target)
    },
  )

  it.each([
    ['/a[0]|b', '/a%5B0%5D%7Cb'],
    ['/a?x[]=1|2', '/a?x%5B%5D=1%7C2'],
    ['/a?{`^\\}', '/a?%7B%60%5E%5C%7D'],
    ['/a?100%', '/a?100%25'],
    ['/a?%zz%4', '/a?%25zz%254'],
    ['/a?%%41', '/a?%25%41'],
  ])('U9 encodes what browsers and ad URLs send raw: %s', (target, expected) => {
    expect(strictTarget(target)).toBe(expected)
  })

  it.each([
    '',
    'a',
    '*',
    'http://a/b',
    '?a',
    '/a b',
    '/a\tb',
    '/a#b',
    '/a?b#c',
    '/"',
    '/?<',
    '/a\\b',
    '/a^b',
    '/a`b',
    '/{a}',
    '/%',
    '/%4',
    '/%zz',
    '/%00',
    '/a%00b?c',
    '/\0',
    '/\x7f',
    '/\x80',
    '/é',
    '/\ufffd',
  ])('U9 B14 refuses %j', (target) => {
    expect(strictTarget(target)).toBeNull()
  })

  it('gives a strict target or nothing, whatever comes, and never changes a strict one', () => {
    const text = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    })
    const likely = fc.string({ unit: fc.constantFrom(...'ab/?%0[]|{}\\^`&= #"\x00\x80') })
    fc.assert(
      fc.property(fc.oneof(text, likely), (rest) => {
        const strict = strictTarget(`/${rest}`)
        if (strict === null) return
        expect(strict).toMatch(ORIGIN_FORM)
        expect(strictTarget(strict)).toBe(strict)
        // Encoding only: what was sent can be read out of it.
        expect(strict.replace(/%5B|%5D|%7C|%5C|%5E|%60|%7B|%7D|%25/g, '')).toBe(
          `/${rest}`.replace(/[[\]|\\^`{}]|%(?![0-9A-Fa-f]{2})|%5B|%5D|%7C|%5C|%5E|%60|%7B|%7D|%25/g, ''),
        )
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('isHost', () => {
  it.each([
    'a',
    'example.com',
    'EXAMPLE.com:80',
    'a_b-c~d.',
    '127.0.0.1:8080',
    'a:',
    '[::1]',
    '[2001:db8::1]:443',
    'a:0',
  ])('accepts %s', (host) => {
    expect(isHost(host)).toBe(true)
  })

  it.each([
    '',
    ' ',
    'a b',
    'a@b',
    'a/b',
    'a?b',
    'a#b',
    'a\\b',
    'a,b',
    'a%41',
    'a:b',
    'a:-1',
    'a:65536',
    'a:123456',
    'a:80:80',
    '::1',
    '[::1',
    '[a]',
    '[]',
    '[::1]x',
    '[fe80::1%eth0]',
    '[v1.a]',
    ':80',
    'é',
    'a'.repeat(300),
  ])('B12 refuses %j', (host) => {
    expect(isHost(host)).toBe(false)
  })
})
