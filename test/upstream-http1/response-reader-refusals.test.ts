import { describe, expect, it } from 'vitest'
import { readInEverySplit as read, readResponse } from './support/read-response.js'

const OK = 'HTTP/1.1 200 OK\r\n'

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
    ['a length followed by a tab', `${OK}Content-Length: 3\t\r\n\r\nabc`],
    ['a hexadecimal length', `${OK}Content-Length: 0x3\r\n\r\nabc`],
    ['a length of 16 digits', `${OK}Content-Length: 1000000000000000\r\n\r\nabc`],
    ['A8 two lengths for HEAD', `${OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\n`, 'HEAD'],
    ['chunked in HTTP/1.0', 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a body of an interim response', 'HTTP/1.1 103 Hints\r\nContent-Length: 3\r\n\r\nabc'],
    ['an interim response of HTTP/1.0', `HTTP/1.0 100 Continue\r\n\r\n${OK}\r\n`],
    ['an interim response with close', `HTTP/1.1 103 Hints\r\nConnection: close\r\n\r\n${OK}\r\n`],
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

  it.each([
    'gzip, chunked',
    'gzip',
    'identity',
    'xchunked',
    'chunked, chunked',
    ' ,chunked',
    '"chunked"',
    '',
    'chunked;a=b',
    'chunked\t',
  ])('A8 Transfer-Encoding %j: http_response_transfer_coding', (coding) => {
    const text = `${OK}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n`
    expect(read(text)).toMatchObject({ state: 'failed', reason: 'http_response_transfer_coding', head: null })
  })

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
    expect(read(`${OK}A: ${'a'.repeat(128 - OK.length - 3)}`, { limits })).toMatchObject({
      state: 'failed',
      reason,
    })
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
