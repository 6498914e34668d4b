import { describe, expect, it } from 'vitest'
import { type ReadOptions, readResponse, splits, type Transcript } from './support/read-response.js'

/** Reads the response in every split and insists on one outcome. */
function read(text: string, options: ReadOptions = {}): Transcript {
  const bytes = Buffer.from(text, 'latin1')
  const whole = readResponse([bytes], options)
  for (const pieces of splits(bytes)) {
    const transcript = readResponse(pieces, options)
    if (JSON.stringify(transcript) !== JSON.stringify(whole)) {
      expect({ split: pieces.map((piece) => piece.length), ...transcript }).toEqual(whole)
    }
  }
  return whole
}

const OK = 'HTTP/1.1 200 OK\r\n'

describe('response reader: what it accepts', () => {
  it('reads a body of known length', () => {
    expect(read(`${OK}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello`)).toEqual({
      state: 'complete',
      reason: null,
      interim: [],
      head: {
        status: 200,
        statusText: 'OK',
        headerBlock: 'Content-Type: text/plain\r\n',
        contentLength: 5,
        hasBody: true,
      },
      body: 'hello',
      trailers: '',
      reusable: true,
      consumed: 69,
    })
  })

  it('reads chunks, extensions and trailers', () => {
    const got = read(
      `${OK}Transfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n00A;a=b;c="d;\\" e"\r\n` +
        '0123456789\r\n0;last\r\nX-Sum: 7\r\nx-more:8\r\n\r\n',
    )
    expect(got).toMatchObject({
      state: 'complete',
      body: 'hello0123456789',
      trailers: 'X-Sum: 7\r\nx-more:8\r\n',
      reusable: true,
    })
    expect(got.head).toMatchObject({ headerBlock: '', contentLength: null, hasBody: true })
  })

  it('reads to the end of the connection when nothing else frames the body', () => {
    const got = read(`${OK}\r\nall of it`, { closed: true })
    expect(got).toMatchObject({ state: 'complete', body: 'all of it', reusable: false })
    expect(got.head).toMatchObject({ contentLength: null, hasBody: true })
  })

  it('is not complete when the connection ends within a length, a chunk, the trailers or the head', () => {
    for (const text of [
      `${OK}Content-Length: 10\r\n\r\n`,
      `${OK}Content-Length: 10\r\n\r\n012345678`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`,
      `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n`,
      `${OK}Content-Len`,
      'HTTP/1.1 2',
    ]) {
      const { state } = read(text, { closed: true })
      expect(['head', 'length', 'chunked', 'trailers'], text).toContain(state)
    }
  })

  it.each([
    ['HEAD with a length', 'HEAD', `${OK}Content-Length: 10\r\n\r\n`, 10],
    ['HEAD with chunked', 'HEAD', `${OK}Transfer-Encoding: chunked\r\n\r\n`, null],
    ['HEAD with neither', 'HEAD', `${OK}\r\n`, null],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', null],
    ['204 with a length of zero', 'GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n', null],
    ['205', 'GET', 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n', 0],
    ['304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\n\r\n', 1234],
    ['304 with chunked', 'GET', 'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n', null],
    ['200 with a length of zero', 'GET', `${OK}Content-Length: 0\r\n\r\n`, 0],
  ])('A12 %s has no body and leaves the connection usable', (_, method, text, contentLength) => {
    const got = read(text, { method })
    expect(got).toMatchObject({ state: 'complete', body: '', reusable: true, consumed: text.length })
    expect(got.head).toMatchObject({ contentLength, hasBody: false })
  })

  it.each([
    'HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n',
    'HTTP/1.1 205 Reset Content\r\nTransfer-Encoding: chunked\r\n\r\n',
  ])('A12 %j announces a body that it cannot have: delivered, never reused', (text) => {
    expect(read(text)).toMatchObject({ state: 'complete', body: '', reusable: false })
  })

  it('accepts a status line without reason, with and without the blank before it', () => {
    for (const line of ['HTTP/1.1 200 ', 'HTTP/1.1 200']) {
      const got = read(`${line}\r\nContent-Length: 1\r\n\r\nx`)
      expect(got.head).toMatchObject({ status: 200, statusText: '' })
      expect(got.state).toBe('complete')
    }
  })

  it('keeps the spelling of names, blanks, obs-text and tabs of values', () => {
    const block = 'X-ODD_Name:a\r\nx-tab: a\tb \r\nX-Latin: caf\xe9\r\nempty:\r\n'
    expect(read(`${OK}${block}Content-Length: 0\r\n\r\n`).head?.headerBlock).toBe(block)
  })

  it('leaves bytes after the response alone', () => {
    const first = `${OK}Content-Length: 2\r\n\r\nab`
    expect(read(`${first}HTTP/1.1 200 OK\r\n\r\n`)).toMatchObject({ state: 'complete', consumed: first.length })
  })
})

describe('response reader: the connection afterwards', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\n', '', true],
    ['HTTP/1.1 200 OK\r\n', 'Connection: keep-alive\r\n', true],
    ['HTTP/1.1 200 OK\r\n', 'Connection: close\r\n', false],
    ['HTTP/1.1 200 OK\r\n', 'Connection: X-A , Close\r\n', false],
    ['HTTP/1.1 200 OK\r\n', 'Connection: keep-alive\r\nConnection: close\r\n', false],
    ['HTTP/1.1 200 OK\r\n', 'Connection: keep-alive\r\nKeep-Alive: timeout=0\r\n', false],
    ['HTTP/1.0 200 OK\r\n', '', false],
    ['HTTP/1.0 200 OK\r\n', 'Connection: keep-alive\r\n', true],
    ['HTTP/1.0 200 OK\r\n', 'Connection: Keep-Alive\r\n', true],
  ])('%j with %j: reusable %s', (line, fields, reusable) => {
    expect(read(`${line}${fields}Content-Length: 1\r\n\r\nx`)).toMatchObject({ state: 'complete', reusable })
  })
})

describe('response reader: hop-by-hop fields', () => {
  it('strips them, and what Connection names', () => {
    const got = read(
      `${OK}A: 1\r\nConnection: X-Secret, keep-alive\r\nKeep-Alive: timeout=5\r\nx-secret: s\r\nProxy-Connection: x\r\n` +
        'B: 2\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\nContent-Length: 0\r\nC: 3\r\n\r\n',
    )
    expect(got.head?.headerBlock).toBe('A: 1\r\nB: 2\r\nC: 3\r\n')
  })

  it('B10 keeps protected fields that Connection names', () => {
    const got = read(`${OK}Set-Cookie: a=b\r\nConnection: set-cookie, cache-control\r\nCache-Control: no-store\r\n\r\n`)
    expect(got.head?.headerBlock).toBe('Set-Cookie: a=b\r\nCache-Control: no-store\r\n')
  })

  it('drops trailers that would change framing or meaning', () => {
    const got = read(
      `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\nX-Ok: 1\r\nTransfer-Encoding: gzip\r\n` +
        'Host: evil\r\nSet-Cookie: a=b\r\nConnection: close\r\nX-Too: 2\r\n\r\n',
    )
    expect(got).toMatchObject({ state: 'complete', trailers: 'X-Ok: 1\r\nX-Too: 2\r\n' })
  })
})

describe('response reader: interim responses and upgrades', () => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'
  const final = `${OK}Content-Length: 1\r\n\r\nx`

  it('reports 1xx and then the final response', () => {
    const got = read(`HTTP/1.1 100 Continue\r\n\r\n${hint}${final}`)
    expect(got.interim).toEqual(['100 ', '103 Link: </a.css>\r\n'])
    expect(got).toMatchObject({ state: 'complete', body: 'x' })
  })

  it('A10 accepts 16 of them and refuses the 17th', () => {
    expect(read(hint.repeat(16) + final)).toMatchObject({ state: 'complete' })
    expect(read(hint.repeat(17) + final)).toMatchObject({ state: 'failed', reason: 'http_protocol_error' })
  })

  it('A10 refuses a 101 that was not asked for', () => {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    expect(read(text)).toMatchObject({ state: 'failed', reason: 'http_protocol_error', head: null })
  })

  it('accepts the offered upgrade, and stops before the bytes of the other protocol', () => {
    const text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nX: 1\r\n\r\n'
    const got = read(`${text}\x81\x00`, { offered: 'websocket' })
    expect(got).toMatchObject({ state: 'upgraded', consumed: text.length })
    expect(got.head).toMatchObject({ status: 101, headerBlock: 'X: 1\r\n', hasBody: false })
  })

  it.each([
    ['without Connection', 'HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n'],
    ['without Upgrade', 'HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n'],
    ['to another protocol', 'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'],
  ])('refuses a 101 %s', (_, text) => {
    expect(read(text, { offered: 'websocket' })).toMatchObject({ state: 'failed', reason: 'http_upgrade_failed' })
  })
})

describe('response reader: what it refuses', () => {
  const chunked = `${OK}Transfer-Encoding: chunked\r\n\r\n`
  it.each([
    ['A8 both lengths', `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['A8 two lengths', `${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc`],
    ['A8 two equal lengths', `${OK}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    ['A8 a list of lengths', `${OK}Content-Length: 3, 3\r\n\r\nabc`],
    ['a signed length', `${OK}Content-Length: +3\r\n\r\nabc`],
    ['a negative length', `${OK}Content-Length: -3\r\n\r\nabc`],
    ['an empty length', `${OK}Content-Length: \r\n\r\nabc`],
    ['a hexadecimal length', `${OK}Content-Length: 0x3\r\n\r\nabc`],
    ['a length of 16 digits', `${OK}Content-Length: 1000000000000000\r\n\r\nabc`],
    ['A8 two lengths for HEAD', `${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\n`, 'HEAD'],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a body of an interim response', 'HTTP/1.1 103 Hints\r\nContent-Length: 3\r\n\r\nabc'],
    ['an unknown version', 'HTTP/1.2 200 OK\r\n\r\n'],
    ['HTTP/2 in text', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['a lower-case protocol', 'http/1.1 200 OK\r\n\r\n'],
    ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['an empty line first', `\r\n${OK}\r\n`],
    ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a status below 100', 'HTTP/1.1 099 No\r\n\r\n'],
    ['a status above 599', 'HTTP/1.1 600 No\r\n\r\n'],
    ['two blanks before the status', 'HTTP/1.1  200 OK\r\n\r\n'],
    ['a bare LF after the status line', 'HTTP/1.1 200 OK\nA: b\r\n\r\n'],
    ['a bare CR in the reason', 'HTTP/1.1 200 O\rK\r\n\r\n'],
    ['a bare LF after a field', `${OK}A: b\nC: d\r\n\r\n`],
    ['a bare LF as the empty line', `${OK}A: b\r\n\nxx`],
    ['a bare CR as the empty line', `${OK}A: b\r\n\rxx`],
    ['a bare CR in a value', `${OK}A: b\rc\r\n\r\n`],
    ['a NUL in a value', `${OK}A: b\0c\r\n\r\n`],
    ['a DEL in a value', `${OK}A: b\x7fc\r\n\r\n`],
    ['an ESC in a value', `${OK}A: b\x1bc\r\n\r\n`],
    ['a NUL in a name', `${OK}A\0: b\r\n\r\n`],
    ['a byte above 127 in a name', `${OK}\xc4: b\r\n\r\n`],
    ['a blank before the colon', `${OK}A : b\r\n\r\n`],
    ['a blank in a name', `${OK}A B: b\r\n\r\n`],
    ['no colon', `${OK}nothing\r\n\r\n`],
    ['an empty name', `${OK}: b\r\n\r\n`],
    ['a folded line', `${OK}A: b\r\n c\r\n\r\n`],
    ['a blank before the first name', `${OK} A: b\r\n\r\n`],
    ['an empty chunk size', `${chunked}\r\nabc\r\n`],
    ['a chunk size that is none', `${chunked}g\r\nabc\r\n`],
    ['a chunk size with a prefix', `${chunked}0x3\r\nabc\r\n`],
    ['a signed chunk size', `${chunked}+3\r\nabc\r\n`],
    ['a blank after a chunk size', `${chunked}3 \r\nabc\r\n`],
    ['a blank before a chunk size', `${chunked} 3\r\nabc\r\n`],
    ['a chunk size of 9 digits', `${chunked}000000003\r\nabc\r\n`],
    ['a chunk size line ended by a bare LF', `${chunked}3\nabc\r\n`],
    ['a chunk size line ended by a bare CR', `${chunked}3\rabc\r\n`],
    ['data longer than its chunk', `${chunked}3\r\nabcd\r\n0\r\n\r\n`],
    ['data ended by a bare LF', `${chunked}3\r\nabc\n0\r\n\r\n`],
    ['data ended by CR and something', `${chunked}3\r\nabc\r0\r\n\r\n`],
    ['a control character in a chunk extension', `${chunked}3;a\x01\r\nabc\r\n`],
    ['a bare LF in a chunk extension', `${chunked}3;a\nabc\r\n`],
    ['a quoted bare LF in a chunk extension', `${chunked}3;a="\n"\r\nabc\r\n`],
    ['a chunk extension of 2 KiB', `${chunked}3;${'a'.repeat(2048)}\r\nabc\r\n`],
    ['a bad trailer name', `${chunked}0\r\nA b: c\r\n\r\n`],
    ['a bare LF in a trailer', `${chunked}0\r\nA: c\n\r\n`],
    ['a folded trailer', `${chunked}0\r\nA: c\r\n d\r\n\r\n`],
    ['something after the last chunk', `${chunked}0\r\nXX\r\n\r\n`],
  ])('%s: http_protocol_error', (_, text, method = 'GET') => {
    expect(read(text, { method })).toMatchObject({ state: 'failed', reason: 'http_protocol_error' })
  })

  it.each(['gzip, chunked', 'gzip', 'identity', 'xchunked', 'chunked, chunked', ' ,chunked', '"chunked"', '', 'chunked;a=b'])(
    'A8 Transfer-Encoding %j: http_response_transfer_coding',
    (coding) => {
      const text = `${OK}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`
      expect(read(text)).toMatchObject({ state: 'failed', reason: 'http_response_transfer_coding', head: null })
    },
  )

  it('A8 two Transfer-Encoding lines: http_response_transfer_coding', () => {
    const text = `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
    expect(read(text)).toMatchObject({ state: 'failed', reason: 'http_response_transfer_coding' })
  })

  it('refuses garbage at the first wrong byte, without waiting for a line to end', () => {
    expect(readResponse([Buffer.from('HTTQ')])).toMatchObject({ state: 'failed' })
  })
})

describe('response reader: limits', () => {
  const limits = { maxHeadBytes: 128, maxInterim: 16 }
  const frame = `${OK}A: \r\nContent-Length: 0\r\n\r\n`

  it('A10 accepts a head of exactly the limit and refuses one byte more', () => {
    const fits = `${OK}A: ${'a'.repeat(128 - frame.length)}\r\nContent-Length: 0\r\n\r\n`
    const exceeds = fits.replace('A: ', 'A: a')
    expect(fits.length).toBe(128)
    expect(read(fits, { limits })).toMatchObject({ state: 'complete', consumed: 128 })
    expect(read(exceeds, { limits })).toMatchObject({
      state: 'failed',
      reason: 'http_response_header_section_size',
    })
  })

  it('A10 refuses a head that never ends as soon as the limit is reached', () => {
    const reason = 'http_response_header_section_size'
    expect(read(`${OK}A: ${'a'.repeat(128 - OK.length - 3)}`, { limits })).toMatchObject({ state: 'failed', reason })
    const lines = OK + 'A: b\r\n'.repeat(4000)
    expect(readResponse([Buffer.from(lines)])).toMatchObject({ state: 'failed', reason })
  })

  it('refuses trailers above the limit', () => {
    const text = `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nA: ${'a'.repeat(128)}\r\n\r\n`
    expect(read(text, { limits })).toMatchObject({
      state: 'failed',
      reason: 'http_response_trailer_section_size',
    })
  })

  it('does not count the bytes of a body that came along with the head', () => {
    expect(read(`${OK}Content-Length: 300\r\n\r\n${'b'.repeat(300)}`, { limits })).toMatchObject({
      state: 'complete',
      body: 'b'.repeat(300),
    })
  })
})
