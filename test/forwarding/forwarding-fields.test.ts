import { describe, expect, it } from 'vitest'
import {
  DEFAULT_FORWARDING,
  type ForwardingConfig,
  ForwardingFields,
  isNetwork,
  LoopGuard,
  TrustedProxies,
} from '#src/forwarding/index.js'

const TRUSTED = ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']

function proxied(claims: string, config: Partial<ForwardingConfig> = {}) {
  const fields = new ForwardingFields({ ...DEFAULT_FORWARDING, trustedProxies: TRUSTED, ...config })
  const request = { claims, peer: '10.0.0.1', host: 'own.test', requestId: 'id' }
  return fields.proxied(request, new TrustedProxies(TRUSTED))
}

const lines = (block: string): string[] => block.split('\r\n').filter((line) => line !== '')
const fieldValue = (block: string, name: string): string | undefined =>
  lines(block)
    .find((line) => line.startsWith(`${name}: `))
    ?.slice(name.length + 2)

describe('B11 who the client is', () => {
  it.each([
    ['', '10.0.0.1'],
    ['x-forwarded-for: 198.51.100.7\r\n', '198.51.100.7'],
    ['x-forwarded-for: 6.6.6.6, 198.51.100.7\r\n', '198.51.100.7'],
    ['x-forwarded-for: 6.6.6.6\r\nx-forwarded-for: 198.51.100.7\r\n', '198.51.100.7'],
    ['x-forwarded-for: 6.6.6.6, 198.51.100.7, 192.0.2.1,10.9.9.9\r\n', '198.51.100.7'],
    ['x-forwarded-for: 10.0.0.3, 10.0.0.2\r\n', '10.0.0.3'],
    ['x-forwarded-for: 6.6.6.6, unknown, 10.0.0.2\r\n', '10.0.0.2'],
    ['x-forwarded-for: 6.6.6.6, nonsense\r\n', '10.0.0.1'],
    ['x-forwarded-for: 6.6.6.6, , 198.51.100.7,\r\n', '198.51.100.7'],
    ['x-forwarded-for: 198.51.100.7:4711\r\n', '198.51.100.7'],
    ['x-forwarded-for: [2001:db9::7]:4711\r\n', '2001:db9::7'],
    ['x-forwarded-for: 2001:db9::7, 2001:db8::1\r\n', '2001:db9::7'],
    ['x-forwarded-for: ::ffff:198.51.100.7\r\n', '198.51.100.7'],
    ['x-forwarded-for: 6.6.6.6, ::ffff:10.0.0.2\r\n', '6.6.6.6'],
    ['x-forwarded-for: fe80::1%eth0\r\n', '10.0.0.1'],
    ['forwarded: for=6.6.6.6\r\n', '10.0.0.1'],
  ])('%j from a trusted proxy: %s', (claims, client) => {
    expect(proxied(claims).address).toBe(client)
  })

  it.each([
    ['forwarded: for=198.51.100.7\r\n', '198.51.100.7'],
    ['forwarded: For="[2001:db9::7]:99" ; proto=https , for=10.0.0.2\r\n', '2001:db9::7'],
    ['forwarded: for=6.6.6.6\r\nforwarded: for=198.51.100.7\r\n', '198.51.100.7'],
    ['forwarded: for=6.6.6.6, for=_hidden\r\n', '10.0.0.1'],
    ['forwarded: for="6.6.6.6, for=10.0.0.2\r\n', '10.0.0.1'],
    ['forwarded: for=6.6.6.6;for=7.7.7.7\r\n', '10.0.0.1'],
    ['forwarded: host="a, for=6.6.6.6";for=198.51.100.7\r\n', '198.51.100.7'],
    ['x-forwarded-for: 6.6.6.6\r\n', '10.0.0.1'],
  ])('%j, where Forwarded is believed: %s', (claims, client) => {
    expect(proxied(claims, { trustedFields: 'forwarded' }).address).toBe(client)
  })
})

describe('what upstreams are told', () => {
  it('takes nothing over that is not of its kind', () => {
    const { block } = proxied(
      'x-forwarded-host: a/b\r\nx-forwarded-proto: https://\r\nx-forwarded-port: 1x\r\nx-forwarded-for: 1.2.3.4\r\n',
    )
    expect(lines(block).slice(1)).toEqual([
      'x-forwarded-for: 1.2.3.4, 10.0.0.1',
      'x-forwarded-host: own.test',
      'x-forwarded-port: 80',
      'x-forwarded-proto: http',
      'x-request-id: id',
    ])
  })

  it('makes of one kind the other: host and protocol belong to the client', () => {
    const claims =
      'x-forwarded-for: 6.6.6.6, 2001:db9::7\r\nx-forwarded-proto: https\r\nx-forwarded-host: a.test:444\r\n'
    const { block } = proxied(claims, { forwarded: 'both' })
    expect(fieldValue(block, 'forwarded')).toBe(
      'for=6.6.6.6, for="[2001:db9::7]";host="a.test:444";proto=https, for=10.0.0.1;host=own.test;proto=http',
    )
    expect(fieldValue(block, 'x-forwarded-port')).toBe('444')
  })

  it('reads the protocol from the element of the client, not from what the client wrote before it', () => {
    const claims = 'forwarded: for=6.6.6.6;proto=https;host=evil.test, for=198.51.100.7;proto=http\r\n'
    const { block } = proxied(claims, { trustedFields: 'forwarded', forwarded: 'both' })
    expect(fieldValue(block, 'x-forwarded-proto')).toBe('http')
    expect(fieldValue(block, 'x-forwarded-host')).toBe('own.test')
    expect(fieldValue(block, 'x-forwarded-for')).toBe('6.6.6.6, 198.51.100.7, 10.0.0.1')
  })

  it('drops a Forwarded that is off the grammar as a whole', () => {
    const claims = 'forwarded: for=1.1.1.1, "\r\n'
    const { block } = proxied(claims, { trustedFields: 'forwarded', forwarded: 'forwarded' })
    expect(fieldValue(block, 'forwarded')).toBe('for=10.0.0.1;host=own.test;proto=http')
  })

  it('keeps an id only if it may, and if it is one', () => {
    const keeping = new ForwardingFields({ ...DEFAULT_FORWARDING, keepRequestId: true })
    expect(keeping.requestId('x-request-id: Root=1-67891233-abcdef\r\n')).toBe('Root=1-67891233-abcdef')
    expect(keeping.requestId('x-request-id: a\r\nx-request-id: b\r\n')).toBeNull()
    expect(keeping.requestId('x-request-id: <b>\r\n')).toBeNull()
    expect(new ForwardingFields(DEFAULT_FORWARDING).requestId('x-request-id: a\r\n')).toBeNull()
  })
})

describe('networks', () => {
  it.each(['10.0.0.0/8', '0.0.0.0/0', '192.0.2.1', '::1', '2001:db8::/128'])('%s is one', (text) => {
    expect(isNetwork(text)).toBe(true)
  })
  it.each(['10.0.0.0/33', '10.0.0/8', 'a', '', '::/129', '10.0.0.0/', '10.0.0.0/-1', '[::1]'])(
    '%s is none',
    (text) => {
      expect(isNetwork(text)).toBe(false)
    },
  )
  it('trusts nobody by default, and no text that is no address', () => {
    expect(new TrustedProxies([]).has('127.0.0.1')).toBe(false)
    expect(new TrustedProxies(['0.0.0.0/0', '::/0']).has('')).toBe(false)
    expect(new TrustedProxies(TRUSTED).has('2001:db8:1::5')).toBe(true)
    expect(new TrustedProxies(TRUSTED).has('11.0.0.0')).toBe(false)
  })
})

describe('A17 loops', () => {
  const guard = new LoopGuard({ ...DEFAULT_FORWARDING, maxPasses: 1 }, 'abcd0123')
  it.each([
    ['', false],
    ['via: 1.1 headgate\r\n', false],
    ['via: 1.1 headgate (other)\r\n', false],
    ['via: 1.1 headgate (abcd0123)\r\n', true],
    ['via: 1.0 a, HTTP/1.1 Headgate (abcd0123), 1.1 b\r\n', true],
    ['via: 1.1 headgate, 1.1 headgate\r\n', true],
    ['via: 1.1 headgate\r\nvia: 1.1 headgate\r\n', true],
    ['via: 1.1 headgate-2, 1.1 my.headgate, 1.1 x (headgate)\r\n', false],
    ['cdn-loop: headgate\r\n', false],
  ])('%j: %s', (claims, isLoop) => {
    expect(guard.isLoop(claims)).toBe(isLoop)
  })
})
