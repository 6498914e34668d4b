import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatHostPort, parseAdmin, parseListen, parsePeer } from '#src/config/address.js'
import { InvalidValue } from '#src/config/invalid-value.js'

function refusal(parse: () => unknown): string {
  try {
    parse()
  } catch (error) {
    if (error instanceof InvalidValue)
      return error.hint === null ? error.message : `${error.message} | ${error.hint}`
    throw error
  }
  throw new Error('it was accepted')
}

describe('listen', () => {
  it.each([
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['localhost:0', 'localhost', 0],
    ['[::1]:8080', '::1', 8080],
    ['[::]:8080', '::', 8080],
    [':8080', '0.0.0.0', 8080],
    [8080, '127.0.0.1', 8080],
    ['8080', '127.0.0.1', 8080],
    ['gateway.example:65535', 'gateway.example', 65_535],
  ])('%j is host %s, port %d', (value, host, port) => {
    expect(parseListen(value)).toEqual({ host, port })
  })

  it.each([
    ['127.0.0.1', "'127.0.0.1' has no port | for example '127.0.0.1:8080'"],
    ['::1:8080', "expected host:port, got '::1:8080' | an IPv6 address stands in brackets: '[::1]:8080'"],
    ['[::x]:80', "'::x' is not an IPv6 address"],
    ['127.0.0.1:65536', "'65536' is not a port | a number from 1 to 65535, or 0 for any that is free"],
    ['127.0.0.1:', "'' is not a port | a number from 1 to 65535, or 0 for any that is free"],
    [-1, "'-1' is not a port | a number from 1 to 65535, or 0 for any that is free"],
    ['256.0.0.1:80', "'256.0.0.1' is not a host name or address"],
    ['a b:80', "'a b' is not a host name or address"],
    ['http://127.0.0.1:80', "expected host:port, got 'http://127.0.0.1:80' | without a scheme"],
    [null, "expected host:port, got nothing | for example '127.0.0.1:8080'"],
  ])('refuses %j', (value, message) => {
    expect(refusal(() => parseListen(value))).toBe(message)
  })
})

describe('admin', () => {
  it.each([
    ['127.0.0.1:9901', { host: '127.0.0.1', port: 9901 }],
    ['127.8.8.8:9901', { host: '127.8.8.8', port: 9901 }],
    ['[::1]:9901', { host: '::1', port: 9901 }],
    ['localhost:9901', { host: 'localhost', port: 9901 }],
    [false, null],
    ['off', null],
  ])('%j is %j', (value, address) => {
    expect(parseAdmin(value)).toEqual(address)
  })
})

describe('peers', () => {
  it.each([
    ['127.0.0.1:9000', { kind: 'tcp', scheme: null, host: '127.0.0.1', port: 9000 }],
    ['http://app', { kind: 'tcp', scheme: 'http', host: 'app', port: 80 }],
    ['http://app:81/', { kind: 'tcp', scheme: 'http', host: 'app', port: 81 }],
    ['HTTPS://app.example', { kind: 'tcp', scheme: 'https', host: 'app.example', port: 443 }],
    ['https://[::1]:8443', { kind: 'tcp', scheme: 'https', host: '::1', port: 8443 }],
    ['unix:/run/app.sock', { kind: 'unix', path: '/run/app.sock' }],
    ['unix:///run/app.sock', { kind: 'unix', path: '/run/app.sock' }],
    ['unix:app.sock', { kind: 'unix', path: 'app.sock' }],
  ])('%s is %j', (value, address) => {
    expect(parsePeer(value)).toEqual(address)
  })

  it.each([
    ['app', "'app' has no port | write 'app:80' or 'http://app'"],
    [9000, "9000 is not an address | write '127.0.0.1:9000'"],
    ['http://app/base', "a peer address has no path, got '/base' | write 'http://app'"],
    ['http://app?x', "a peer address has no path, got '?x' | write 'http://app'"],
    ['http://user:pw@app', 'a peer address carries no user name or password'],
    ['ftp://app', "'ftp' is not a scheme for a peer | http:// and https:// and unix: are"],
    ['127.0.0.1:0', 'a peer cannot have port 0'],
    ['unix:', "the path of the socket is missing | for example 'unix:/run/app.sock'"],
    ['', "expected an address such as '127.0.0.1:9000', got ''"],
    ['-bad:80', "'-bad' is not a host name or address"],
    ['http://', "'' is not a host name or address"],
  ])('refuses %j', (value, message) => {
    expect(refusal(() => parsePeer(value))).toBe(message)
  })
})

it('reads back every address that it writes', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6())
  fc.assert(
    fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
      expect(parseListen(formatHostPort(name, port))).toEqual({ host: name, port })
    }),
  )
})

it('never ends in anything but an address or InvalidValue', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.string(), fc.webUrl()), (value) => {
      for (const parse of [parseListen, parseAdmin, parsePeer]) {
        try {
          parse(value)
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidValue)
        }
      }
    }),
  )
})
