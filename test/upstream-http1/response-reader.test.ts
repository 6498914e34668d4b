import { describe, expect, it } from 'vitest'
import { readInEverySplit as read } from './support/read-response.js'

const OK = 'HTTP/1.1 200 OK\r\n'

describe('response reader: what it accepts', () => {
  it('reads a body of known length', () => {
    expect(read(`${OK}Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello`)).toEqual({
      state: 'complete',
      reason: null,
      problem: '',
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
    'HTTP/1.1 205 Reset Content\r\nContent-Length: 3\r\n\r\n',
    'HTTP/1.1 205 Reset Content\r\n\r\n',
  ])('A12 %j might be followed by a body that it cannot have: delivered, never reused', (text) => {
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
    expect(read(`${first}HTTP/1.1 200 OK\r\n\r\n`)).toMatchObject({
      state: 'complete',
      consumed: first.length,
    })
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
    const got = read(
      `${OK}Set-Cookie: a=b\r\nConnection: set-cookie, cache-control\r\nCache-Control: no-store\r\n\r\n`,
    )
    expect(got.head?.headerBlock).toBe('Set-Cookie: a=b\r\nCache-Control: no-store\r\n')
  })

  it('drops trailers that would change framing or meaning', () => {
    const got = read(
      `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\nX-Ok: 1\r\nTransfer-Encoding: gzip\r\n` +
        'Host: evil\r\nSet-Cookie: a=b\r\nConnection: close\r\nX-Too: 2\r\n\r\n',
    )
    expect(got).toMatchObject({ state: 'complete', trailers: 'X-Ok: 1\r\nX-Too: 2\r\n' })
  })

  it.each(['Content-Length: 5', 'Content-Length:', 'Transfer-Encoding: chunked'])(
    'does not use the connection again behind trailers with %s',
    (field) => {
      const chunked = `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`
      expect(read(`${chunked}X-Ok: 1\r\n\r\n`).reusable).toBe(true)
      expect(read(`${chunked}${field}\r\n\r\n`)).toMatchObject({
        state: 'complete',
        trailers: '',
        reusable: false,
      })
    },
  )
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
    const text =
      'HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nX: 1\r\n\r\n'
    const got = read(`${text}\x81\x00`, { offered: 'websocket' })
    expect(got).toMatchObject({ state: 'upgraded', consumed: text.length })
    expect(got.head).toMatchObject({ status: 101, headerBlock: 'X: 1\r\n', hasBody: false })
  })

  it.each([
    ['without Connection', 'HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n'],
    ['without Upgrade', 'HTTP/1.1 101 S\r\nConnection: upgrade\r\n\r\n'],
    ['to another protocol', 'HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'],
  ])('refuses a 101 %s', (_, text) => {
    expect(read(text, { offered: 'websocket' })).toMatchObject({
      state: 'failed',
      reason: 'http_upgrade_failed',
    })
  })
})
