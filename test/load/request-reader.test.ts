import { describe, expect, it } from 'vitest'
import { RequestReader } from '#src/load/request-reader.js'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
const CHUNKED = 'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'
const TRAILERS = 'PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n'

function read(text: string, pieceBytes: number): { requests: [boolean, boolean][]; bodyBytes: number } {
  const requests: [boolean, boolean][] = []
  const reader = new RequestReader((isHead, close) => requests.push([isHead, close]))
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    expect(reader.feed(bytes.subarray(at, at + pieceBytes))).toBe(true)
  }
  return { requests, bodyBytes: reader.bodyBytes }
}

describe('the mock origin reads requests', () => {
  it.each([1, 3, 7, 1000])(
    'one after the other, whatever the framing, in pieces of %i bytes',
    (pieceBytes) => {
      const { requests, bodyBytes } = read(GET + POST + CHUNKED + TRAILERS + GET, pieceBytes)
      expect(requests).toHaveLength(5)
      expect(bodyBytes).toBe(15)
    },
  )

  it('knows HEAD, and who wants no other answer', () => {
    expect(read('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', 100).requests).toEqual([[true, false]])
    expect(read('GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 100).requests).toEqual([[false, true]])
    expect(read('GET / HTTP/1.0\r\n\r\n', 100).requests).toEqual([[false, true]])
  })

  it('gives up on chunks that are none', () => {
    const reader = new RequestReader(() => undefined)
    expect(reader.feed(Buffer.from('PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'))).toBe(false)
  })
})
