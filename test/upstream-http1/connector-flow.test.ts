import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import { CERTIFICATE, PRIVATE_KEY } from './support/certificate.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

const SIZE = 20 * 1024 * 1024
let connector: Http1Connector
let origin: RawOrigin

beforeEach(() => {
  connector = new Http1Connector()
})
afterEach(async () => {
  connector.close()
  await origin.close()
})

function digest(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

const content = Buffer.alloc(SIZE, 'the quick brown fox jumps over the lazy dog\n')

function chunked(bytes: Buffer, chunkBytes: number): Buffer {
  const parts: Buffer[] = [Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')]
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const piece = bytes.subarray(at, at + chunkBytes)
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  parts.push(Buffer.from('0\r\nX-Digest: yes\r\n\r\n'))
  return Buffer.concat(parts)
}

const FRAMINGS: [name: string, wire: () => Buffer, closes: boolean][] = [
  [
    'length',
    () => Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`), content]),
    false,
  ],
  ['chunked', () => chunked(content, 70_001), false],
  ['until close', () => Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), content]), true],
]

describe.each([
  ['plain', undefined],
  ['TLS', { key: PRIVATE_KEY, cert: CERTIFICATE }],
])('20 MB over %s', (_, tls) => {
  async function serve(wire: Buffer, closes: boolean): Promise<() => number> {
    let sent = 0
    origin = await RawOrigin.listen(
      async (peer) => {
        await peer.head()
        for (let at = 0; at < wire.length; at += 65_536) {
          const piece = wire.subarray(at, at + 65_536)
          sent += piece.length
          if (!peer.socket.write(piece)) await new Promise((resolve) => peer.socket.once('drain', resolve))
        }
        if (closes) peer.end()
      },
      tls === undefined ? {} : { tls },
    )
    return () => sent
  }

  const target = () =>
    tls === undefined
      ? origin.target
      : { ...origin.target, id: 'tls', tls: { servername: 'localhost', verify: true, ca: CERTIFICATE } }

  it.each(FRAMINGS)('%s: every byte arrives', async (_, wire, closes) => {
    await serve(wire(), closes)
    const hash = createHash('sha256')
    const { recorder } = start(
      connector,
      target(),
      {},
      { keepsBody: false, hooks: { onBody: (it) => hash.update(it) } },
    )
    await recorder.until('over')
    expect(recorder.error).toBeNull()
    expect(recorder.bodyBytes).toBe(SIZE)
    expect(hash.digest('hex')).toBe(digest(content))
    expect(connector.stats.idle).toBe(closes ? 0 : 1)
  })

  it.each(FRAMINGS)(
    '%s: a slow consumer holds the upstream back, and loses nothing',
    async (_, wire, closes) => {
      const sent = await serve(wire(), closes)
      const hash = createHash('sha256')
      let whilePaused = 0
      let isPaused = false
      let unread = 0
      const { recorder, exchange } = start(
        connector,
        target(),
        {},
        {
          keepsBody: false,
          hooks: {
            onBody: (chunk) => {
              hash.update(chunk)
              if (isPaused) {
                whilePaused = Math.max(whilePaused, chunk.length)
                return
              }
              isPaused = true
              exchange.pause()
              // Let everything that can happen while paused happen: many turns, in which a reader that does not stop
              // would read megabytes.
              turns(20, () => {
                unread = Math.max(unread, sent() - recorder.bodyBytes)
                isPaused = false
                exchange.resume()
              })
            },
          },
        },
      )
      await recorder.until('over')
      expect(recorder.error).toBeNull()
      expect(recorder.bodyBytes).toBe(SIZE)
      expect(hash.digest('hex')).toBe(digest(content))
      // At most the rest of one read buffer after pause; what was sent and not read lies in the kernel.
      expect(whilePaused).toBeLessThanOrEqual(65_536)
      expect(unread).toBeGreaterThan(0)
      expect(unread).toBeLessThan(SIZE - 1_000_000)
    },
  )
})

function turns(count: number, then: () => void): void {
  if (count === 0) then()
  else setImmediate(() => turns(count - 1, then))
}

describe('pausing', () => {
  it('before the connection is there holds the response back', async () => {
    origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    const { recorder, exchange } = start(connector, origin.target)
    exchange.pause()
    await recorder.until('sent')
    await new Promise<void>((resolve) => turns(50, resolve))
    expect(recorder.events).toEqual(['connected', 'sent'])
    exchange.resume()
    await recorder.until('end')
  })

  it('at the end of a response leaves the connection to the next request', async () => {
    origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    for (const first of ['connected', 'reused', 'reused']) {
      const { recorder, exchange } = start(
        connector,
        origin.target,
        {},
        { hooks: { onHead: () => exchange.pause() } },
      )
      await recorder.until('end')
      expect(recorder.events[0]).toBe(first)
    }
    origin.peer(0).end()
    await origin.peer(0).closed
    expect(connector.stats.idle).toBe(0)
  })

  it('when the upstream ends the connection behind the body still gives the body and the end', async () => {
    const body = 'x'.repeat(300_000)
    origin = await RawOrigin.listen(async (peer) => {
      await peer.head()
      peer.end(`HTTP/1.1 200 OK\r\n\r\n${body}`)
    })
    const { recorder, exchange } = start(
      connector,
      origin.target,
      {},
      { hooks: { onHead: () => exchange.pause() } },
    )
    await recorder.until('head')
    await new Promise<void>((resolve) => turns(50, resolve))
    expect(recorder.events).not.toContain('end')
    exchange.resume()
    await recorder.until('over')
    expect(recorder.events.at(-1)).toBe('end')
    expect(recorder.body).toBe(body)
  })
})

it('delivers trailers', async () => {
  origin = await RawOrigin.answering(chunked(Buffer.from('hello'), 2).toString('latin1'))
  const recorder = await run(connector, origin.target)
  expect(recorder.body).toBe('hello')
  expect(recorder.trailers).toBe('X-Digest: yes\r\n')
})

it('reads a response that comes one byte at a time', async () => {
  const wire = chunked(Buffer.from('hello'), 2).toString('latin1')
  origin = await RawOrigin.listen(async (peer) => {
    await peer.head()
    for (const byte of wire) {
      await new Promise<void>((resolve) => peer.socket.write(byte, 'latin1', () => resolve()))
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  })
  const recorder = await run(connector, origin.target)
  expect(recorder).toMatchObject({ body: 'hello', trailers: 'X-Digest: yes\r\n', error: null })
  expect(connector.stats.idle).toBe(1)
})

it('keeps many exchanges apart, though they share their read buffer', async () => {
  origin = await RawOrigin.listen(async (peer) => {
    for (;;) {
      const path = (await peer.head()).split(' ')[1] ?? ''
      const body = path.repeat(500)
      peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX-Path: ${path}\r\n\r\n${body}`)
    }
  })
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(
      Array.from({ length: 100 }, async (_, i) => {
        const recorder = await run(connector, origin.target, { target: `/${round}.${i}` })
        expect(recorder.head?.headerBlock).toBe(`X-Path: /${round}.${i}\r\n`)
        expect(recorder.body).toBe(`/${round}.${i}`.repeat(500))
      }),
    )
  }
  expect(connector.stats).toMatchObject({ opened: 100, reuses: 400, dropped: 0 })
})
