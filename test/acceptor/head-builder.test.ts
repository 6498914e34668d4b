import { describe, expect, it } from 'vitest'
import { HeadBuilder, type HeadBuilderOptions } from '#src/acceptor/guard/index.js'
import { LENGTH_CHUNKED, LENGTH_NONE, type Refusal } from '#src/acceptor/types.js'

type Field = readonly [name: string, value: string]

const LIMITS = { headerBytes: 16_384, headerCount: 100, targetBytes: 8_192 }

function build(fields: readonly Field[], options: Partial<HeadBuilderOptions> = {}) {
  const builder = new HeadBuilder({ limits: LIMITS, chunked: 'close', strings: 'bytes', ...options })
  const finish = (method = 'GET', target = '/', isHttp10 = false): Refusal | null => {
    builder.begin()
    for (const [name, value] of fields) builder.add(name, value)
    return builder.finish(method, target, isHttp10)
  }
  return { builder, finish }
}

const HOST: Field = ['host', 'example.com']

describe('the framing guard', () => {
  it('keeps the order and the values of what is forwarded', () => {
    const { builder, finish } = build([
      ['accept', '*/*'],
      HOST,
      ['x-own', 'a\tb'],
      ['cookie', ''],
      ['cookie', 'c=d'],
    ])
    expect(finish('GET', '/a?b')).toBeNull()
    expect(builder).toMatchObject({
      target: '/a?b',
      host: 'example.com',
      contentLength: LENGTH_NONE,
      upgrade: '',
    })
    expect(builder.headerBlock).toBe(
      'accept: */*\r\nhost: example.com\r\nx-own: a\tb\r\ncookie: \r\ncookie: c=d\r\n',
    )
  })

  it('remembers nothing of the request before', () => {
    const builder = new HeadBuilder({ limits: LIMITS, chunked: 'close', strings: 'bytes' })
    builder.begin()
    for (const [name, value] of [
      ['connection', 'close, x-a'],
      ['transfer-encoding', 'chunked'],
      HOST,
      HOST,
    ] as const) {
      builder.add(name, value)
    }
    expect(builder.finish('GET', '/')).not.toBeNull()
    builder.begin()
    builder.add('host', 'b')
    builder.add('x-a', '1')
    expect(builder.finish('GET', '/')).toBeNull()
    expect(builder).toMatchObject({
      host: 'b',
      contentLength: LENGTH_NONE,
      asksToClose: false,
      connectionBytes: -1,
    })
    expect(builder.headerBlock).toBe('host: b\r\nx-a: 1\r\n')
  })

  it.each([
    ['U10', 'get', 501, 'parse'],
    ['U10', 'FOOBAR', 501, 'parse'],
    ['U10', 'g@T', 400, 'parse'],
    ['U10', '', 400, 'parse'],
    ['B13', 'TRACE', 405, 'parse'],
    ['B13', 'CONNECT', 405, 'parse'],
  ])('%s method %j is refused with %i', (_, method, status, kind) => {
    expect(build([HOST]).finish(method)).toMatchObject({ status, kind })
  })

  it.each(['PURGE', 'PROPFIND', 'M-SEARCH', 'PATCH'])('§4.2 method %s passes', (method) => {
    expect(build([HOST]).finish(method)).toBeNull()
  })

  it.each<[string, string, readonly Field[], number, Refusal['kind']]>([
    ['U5', 'no Host', [], 400, 'host'],
    ['U5', 'two equal Hosts', [HOST, HOST], 400, 'host'],
    ['B12', 'a Host with user', [['host', 'a@b']], 400, 'host'],
    ['U1', 'two lengths', [HOST, ['content-length', '3'], ['content-length', '4']], 400, 'parse'],
    ['U1', 'two equal lengths', [HOST, ['content-length', '3'], ['content-length', '3']], 400, 'parse'],
    ['U1', 'a list of lengths', [HOST, ['content-length', '3, 3']], 400, 'parse'],
    ['B1', 'a length with plus', [HOST, ['content-length', '+3']], 400, 'parse'],
    ['B1', 'a length with zero in front', [HOST, ['content-length', '03']], 400, 'parse'],
    ['B1', 'an empty length', [HOST, ['content-length', '']], 400, 'parse'],
    ['B1', 'a length of 16 digits', [HOST, ['content-length', '1000000000000000']], 400, 'parse'],
    [
      'B1',
      'length and coding',
      [HOST, ['content-length', '3'], ['transfer-encoding', 'chunked']],
      400,
      'parse',
    ],
    [
      'B1',
      'coding and length',
      [HOST, ['transfer-encoding', 'chunked'], ['content-length', '3']],
      400,
      'parse',
    ],
    [
      'U2',
      'two codings',
      [HOST, ['transfer-encoding', 'chunked'], ['transfer-encoding', 'chunked']],
      400,
      'parse',
    ],
    ['U2', 'a list of codings', [HOST, ['transfer-encoding', 'gzip, chunked']], 400, 'parse'],
    ['U2', 'an empty coding', [HOST, ['transfer-encoding', '']], 400, 'parse'],
    ['U2', 'an unknown coding', [HOST, ['transfer-encoding', 'xchunked']], 501, 'parse'],
    ['U2', 'identity', [HOST, ['transfer-encoding', 'identity']], 501, 'parse'],
    ['B17', 'an unknown expectation', [HOST, ['expect', '200-ok']], 417, 'parse'],
    ['B17', 'two expectations', [HOST, ['expect', '100-continue'], ['expect', '100-continue']], 417, 'parse'],
    ['B4', 'a NUL in a value', [HOST, ['x', 'a\0b']], 400, 'parse'],
    ['B4', 'a CRLF in a value', [HOST, ['cookie', 'a\r\nx-evil: 1']], 400, 'parse'],
    ['B4', 'DEL in a value', [HOST, ['accept', '\x7f']], 400, 'parse'],
    ['B4', 'a control in a dropped field', [HOST, ['te', '\x01']], 400, 'parse'],
    ['B4', 'a name that is no token', [HOST, ['a b', '1']], 400, 'parse'],
    ['B4', 'an empty name', [HOST, ['', '1']], 400, 'parse'],
  ])('%s %s is refused', (_, __, fields, status, kind) => {
    expect(build(fields).finish('POST')).toMatchObject({ status, kind })
  })

  it.each([
    ['0', 0],
    ['5', 5],
    ['999999999999999', 999_999_999_999_999],
  ])('Content-Length %s is %i', (value, expected) => {
    const { builder, finish } = build([HOST, ['content-length', value]])
    expect(finish('POST')).toBeNull()
    expect(builder.contentLength).toBe(expected)
    expect(builder.headerBlock).toBe('host: example.com\r\n')
  })

  it.each(['chunked', 'Chunked', 'CHUNKED'])(
    'U2 Transfer-Encoding: %s is chunked, and taken out',
    (coding) => {
      const { builder, finish } = build([['transfer-encoding', coding], HOST])
      expect(finish('POST')).toBeNull()
      expect(builder.contentLength).toBe(LENGTH_CHUNKED)
      expect(builder.headerBlock).toBe('host: example.com\r\n')
    },
  )

  it('chunked bodies are refused with 411 where they are not wanted, and with 400 in HTTP/1.0', () => {
    const chunked: readonly Field[] = [HOST, ['transfer-encoding', 'chunked']]
    expect(build(chunked, { chunked: 'reject' }).finish('POST')).toMatchObject({ status: 411 })
    expect(build(chunked).finish('POST', '/', true)).toMatchObject({ status: 400 })
  })

  it('B11 hop-by-hop fields and those that a client could forge are taken out', () => {
    const { builder, finish } = build([
      HOST,
      ['keep-alive', 'timeout=5'],
      ['proxy-connection', 'keep-alive'],
      ['proxy-authorization', 'Basic x'],
      ['te', 'trailers'],
      ['trailer', 'x'],
      ['forwarded', 'for=1'],
      ['x-forwarded-for', '1'],
      ['x-forwarded-anything', '1'],
      ['x-real-ip', '1'],
      ['x-request-id', '1'],
      ['expect', '100-Continue'],
      ['x-forwarder', 'kept'],
    ])
    expect(finish()).toBeNull()
    expect(builder.expectsContinue).toBe(true)
    expect(builder.headerBlock).toBe('host: example.com\r\nx-forwarder: kept\r\n')
  })

  it('names with an underscore or another character outside letters, digits and hyphen are left out', () => {
    const { builder, finish } = build([HOST, ['content_length', '5'], ['x~y', '1'], ['x-9', '1']])
    expect(finish()).toBeNull()
    expect(builder.headerBlock).toBe('host: example.com\r\nx-9: 1\r\n')
  })

  it('B10 what Connection names is taken out, wherever it stands, but not protected fields', () => {
    const { builder, finish } = build([
      ['x-before', '1'],
      ['connection', 'X-Before, x-after,Host, cookie, , close'],
      HOST,
      ['cookie', 'a=b'],
      ['connection', 'authorization'],
      ['authorization', 'Basic x'],
      ['x-after', '1'],
    ])
    expect(finish()).toBeNull()
    expect(builder.asksToClose).toBe(true)
    expect(builder.headerBlock).toBe('host: example.com\r\ncookie: a=b\r\nauthorization: Basic x\r\n')
  })

  it.each<[string, string, boolean, readonly Field[], string]>([
    ['with Connection: upgrade', 'GET', false, [['connection', 'keep-alive, Upgrade']], 'websocket'],
    ['without Connection', 'GET', false, [], ''],
    ['on POST', 'POST', false, [['connection', 'upgrade']], ''],
    [
      'with a body',
      'GET',
      false,
      [
        ['connection', 'upgrade'],
        ['content-length', '1'],
      ],
      '',
    ],
    ['over HTTP/1.0', 'GET', true, [['connection', 'upgrade']], ''],
  ])('B16 Upgrade %s', (_, method, isHttp10, fields, upgrade) => {
    const { builder, finish } = build([HOST, ['upgrade', 'websocket'], ...fields])
    expect(finish(method, '/', isHttp10)).toBeNull()
    expect(builder.upgrade).toBe(upgrade)
    expect(builder.headerBlock).toBe('host: example.com\r\n')
  })

  it('U7 B5 limits of fields and of the target', () => {
    const limits = { headerBytes: 40, headerCount: 2, targetBytes: 4 }
    const fits = build(
      [
        ['host', 'a'],
        ['x', 'v'.repeat(26)],
      ],
      { limits },
    )
    expect(fits.finish('GET', '/abc')).toBeNull()
    expect(fits.finish('GET', '/abcd')).toMatchObject({ status: 414, kind: 'limit' })
    expect(
      build(
        [
          ['host', 'a'],
          ['x', 'v'.repeat(27)],
        ],
        { limits },
      ).finish(),
    ).toMatchObject({ status: 431 })
    expect(
      build(
        [
          ['host', 'a'],
          ['x', ''],
          ['y', ''],
        ],
        { limits },
      ).finish(),
    ).toMatchObject({ status: 431 })
    // What is not forwarded counts as well.
    expect(
      build(
        [
          ['host', 'a'],
          ['te', ''],
          ['te', ''],
        ],
        { limits },
      ).finish(),
    ).toMatchObject({ status: 431 })
  })

  it('OPTIONS may have the target *, other methods not', () => {
    const { builder, finish } = build([HOST])
    expect(finish('OPTIONS', '*')).toBeNull()
    expect(builder.target).toBe('*')
    expect(finish('GET', '*')).toMatchObject({ status: 400 })
  })

  it('values that a server decoded as UTF-8 become bytes again, or are refused where they were not UTF-8', () => {
    const { builder, finish } = build([HOST, ['x-name', 'zoë €'], ['user-agent', 'é']], { strings: 'utf8' })
    expect(finish()).toBeNull()
    expect(builder.headerBlock).toBe(
      'host: example.com\r\nx-name: zo\xc3\xab \xe2\x82\xac\r\nuser-agent: \xc3\xa9\r\n',
    )
    expect(build([HOST, ['x', 'a\ufffd']], { strings: 'utf8' }).finish()).toMatchObject({ status: 400 })
  })

  it('values of a server that gives bytes stay as they are', () => {
    const { builder, finish } = build([HOST, ['x', '\x80\xff']])
    expect(finish()).toBeNull()
    expect(builder.headerBlock).toBe('host: example.com\r\nx: \x80\xff\r\n')
  })
})
