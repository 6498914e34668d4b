import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { packetForms } from '../support/packet-forms.js'
import { RawClient } from '../support/raw-client.js'
import { seenBody, seenHeader } from '../support/seen-request.js'

conserved()

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const HIDDEN = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
const OK = [200, 'OK']

describe.each(ACCEPTOR_KINDS)('connections over %s', (kind) => {
  let subject: AcceptorUnderTest
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind)
  })
  afterAll(async () => {
    await subject.close()
  })

  it('serves request after request on one connection, however they are cut', async () => {
    const post = 'POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
    for (const form of packetForms(post)) {
      const client = await RawClient.connect(subject.port)
      for (let round = 1; round <= 3; round += 1) {
        await client.sendPieces(form.pieces)
        const { responses, problem } = await client.readResponses(round)
        expect({ problem, bodies: responses.map((r) => r.body.toString()) }, form.name).toEqual({
          problem: null,
          bodies: Array.from({ length: round }, () => 'hello'),
        })
      }
      expect(client.closed, form.name).toBe(false)
      await client.destroy()
    }
  })

  it('U11 B9 pipelined requests: node answers both in order; uws closes, executes no more than the first, and says so', async () => {
    const { lines, responses, closed, problems } = await exchange(
      subject,
      `${GET}${GET.replace('/a', '/b')}`,
      {
        answers: 2,
        timeoutMs: 1_000,
      },
    )
    expect(problems).toEqual([])
    if (kind === 'node') {
      expect({ lines, closed }).toEqual({ lines: ['GET /a', 'GET /b'], closed: false })
      expect(responses.map((r) => [r.status, r.body.toString()])).toEqual([OK, OK])
    } else {
      expect({ lines, closed }).toEqual({ lines: ['GET /a'], closed: true })
      expect(responses).toEqual([])
      expect(subject.handler.aborted).toBe(1)
    }
    expect(subject.handler.pending).toBe(0)
  })

  it.each(['close', 'Close', 'close, te', 'te, close', 'x,close ,y'])(
    'U12 Connection: %s closes after the answer, and what follows is not executed',
    async (value) => {
      const bytes = `GET /a HTTP/1.1\r\nHost: a\r\nConnection: ${value}\r\n\r\n`
      for (const form of packetForms(bytes)) {
        const { responses, closed, problems } = await exchange(subject, form, { untilClosed: true })
        expect({ closed, problems }, form.name).toEqual({ closed: true, problems: [] })
        expect(
          responses.map((r) => [r.status, r.header('connection')]),
          form.name,
        ).toEqual([[200, 'close']])
      }
      for (const form of packetForms(`${bytes}${HIDDEN}`)) {
        const { lines, statuses, problems } = await exchange(subject, form, { untilClosed: true })
        expect({ lines, problems }, form.name).toEqual({ lines: ['GET /a'], problems: [] })
        // uWS closes when a request arrives while one is pending (U11), so there the answer may be lost.
        expect(kind === 'node' ? [[200]] : [[200], []], form.name).toContainEqual(statuses)
      }
    },
  )

  it('U12 close in a second Connection line counts', async () => {
    const { responses } = await exchange(
      subject,
      'GET /a HTTP/1.1\r\nHost: a\r\nConnection: te\r\nConnection: close\r\n\r\n',
      {
        untilClosed: true,
      },
    )
    expect(responses.map((r) => [r.status, r.header('connection')])).toEqual([[200, 'close']])
  })

  it.each(['abcde', 'keep-alive', 'te', 'closed', 'x-close'])(
    'U12 Connection: %s is answered',
    async (value) => {
      const { responses, problems } = await exchange(
        subject,
        `GET /a HTTP/1.1\r\nHost: a\r\nConnection: ${value}\r\n\r\n`,
      )
      expect(problems).toEqual([])
      expect(responses.map((r) => [r.status, r.body.toString()])).toEqual([OK])
    },
  )

  it('B10 fields that Connection names are taken off, but never the protected ones', async () => {
    const { seen, problems } = await exchange(
      subject,
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, Authorization, Cookie, Host, Content-Length, Cache-Control, Via\r\n' +
        'X-Mine: 1\r\nX-Other: 2\r\nAuthorization: b\r\nCookie: c=d\r\nCache-Control: no-store\r\nVia: 1.1 x\r\n' +
        'Content-Length: 5\r\n\r\nhello',
    )
    expect(problems).toEqual([])
    for (const request of seen) {
      const values = ['x-mine', 'x-other', 'authorization', 'cookie', 'cache-control', 'via'].map((n) =>
        seenHeader(request, n),
      )
      expect(values).toEqual([[], ['2'], ['b'], ['c=d'], ['no-store'], ['1.1 x']])
      expect(seenBody(request).toString()).toBe('hello')
    }
    expect(seen).toHaveLength(1)
  })

  it('B10 hop-by-hop fields are taken off though nothing names them', async () => {
    const { seen, problems } = await exchange(
      subject,
      'GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: x\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n',
    )
    expect(problems).toEqual([])
    expect(seen.map((request) => seenHeader(request, 'x-kept'))).toEqual([['1']])
  })

  it('§4.2 a client that closes its side after the request: node answers, uws reports the abort; nothing stays pending', async () => {
    subject.reset()
    const client = await RawClient.connect(subject.port)
    await client.send(GET)
    client.endSending()
    expect(await client.untilClosed()).toBe(true)
    await subject.until(() => subject.handler.pending === 0)
    if (kind === 'node') expect(client.responses().responses.map(({ status }) => status)).toEqual([200])
    expect(subject.handler.pending).toBe(0)
    expect(subject.breaches).toEqual([])
    await client.destroy()
  })

  it.each([false, true])(
    'B8 a client that leaves before the answer is reported once (reset: %s)',
    async (reset) => {
      const held: Downstream[] = []
      const slow = await AcceptorUnderTest.start(kind, {
        application: (exchange) => void held.push(exchange),
      })
      try {
        const client = await RawClient.connect(slow.port)
        await client.send(GET)
        await slow.settle()
        expect(held).toHaveLength(1)
        await client.destroy(reset)
        expect(await slow.until(() => slow.handler.aborted === 1)).toBe(true)
        // Late answers of the owner are harmless.
        held[0]?.respond(200, 'OK', '', Buffer.from('late'), 4)
        held[0]?.writeHead(200, 'OK', '', null)
        held[0]?.write(Buffer.from('late'))
        held[0]?.end('')
        held[0]?.pauseBody()
        held[0]?.resumeBody()
        held[0]?.abort()
        await slow.settle()
        expect([slow.handler.aborted, slow.handler.finished, slow.breaches]).toEqual([1, 0, []])
      } finally {
        await slow.close()
      }
    },
  )

  it('B8 a client that leaves in the middle of its body is reported, and the body is not complete', async () => {
    for (const head of ['Content-Length: 10', 'Transfer-Encoding: chunked']) {
      subject.reset()
      const client = await RawClient.connect(subject.port)
      await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n\r\n5\r\nhel`)
      await subject.settle()
      await client.destroy()
      expect(await subject.until(() => subject.handler.aborted === 1), head).toBe(true)
      expect(
        subject.seen.map(({ state }) => state),
        head,
      ).toEqual(['aborted'])
      expect(subject.breaches).toEqual([])
    }
  })

  it('U20 a second acceptor on the same port is refused', async () => {
    await expect(AcceptorUnderTest.start(kind, { port: subject.port })).rejects.toThrow()
    const { statuses } = await exchange(subject, GET)
    expect(statuses).toEqual([200])
  })

  it('U21 stopListening refuses new connections, finishes what is under way and closes after each answer', async () => {
    const held: Downstream[] = []
    const draining = await AcceptorUnderTest.start(kind, {
      application: (exchange) => void held.push(exchange),
    })
    const [busy, idle] = [await RawClient.connect(draining.port), await RawClient.connect(draining.port)]
    try {
      await busy.send(GET)
      await draining.settle()
      draining.acceptor.stopListening()
      await draining.settle()

      const late = await RawClient.connect(draining.port)
      expect(await late.untilClosed(1_000)).toBe(true)
      expect(busy.closed).toBe(false)

      held[0]?.respond(200, 'OK', '', Buffer.from('OK'), 2)
      const { responses } = await busy.readResponses()
      expect(responses.map((r) => [r.status, r.body.toString(), r.header('connection')])).toEqual([
        [200, 'OK', 'close'],
      ])
      expect(await busy.untilClosed()).toBe(true)

      // A connection that was idle may be closed, or serve one more request.
      await idle.send(GET)
      await draining.settle()
      held[1]?.respond(200, 'OK', '', Buffer.from('OK'), 2)
      const last = await idle.readResponses()
      expect(last.responses.map((r) => r.header('connection')).filter((value) => value !== 'close')).toEqual(
        [],
      )
      expect(await idle.untilClosed()).toBe(true)
    } finally {
      await Promise.all([busy.destroy(), idle.destroy()])
      await draining.close()
    }
  })

  it('U21 close ends every connection, also those in use, and reports each abort', async () => {
    const held: Downstream[] = []
    const closing = await AcceptorUnderTest.start(kind, {
      application: (exchange) => void held.push(exchange),
    })
    const [busy, idle] = [await RawClient.connect(closing.port), await RawClient.connect(closing.port)]
    await busy.send(GET)
    await closing.settle()
    await closing.close()
    expect(await Promise.all([busy.untilClosed(), idle.untilClosed()])).toEqual([true, true])
    expect([closing.handler.pending, closing.handler.aborted, closing.breaches]).toEqual([0, 1, []])
  })

  it('B16 an upgrade that is not granted is an ordinary answer, and bytes sent ahead never become a request', async () => {
    const heads: string[] = []
    const asked = await AcceptorUnderTest.start(kind, {
      application: (exchange) => {
        heads.push(exchange.head.upgrade)
        exchange.respond(200, 'OK', '', Buffer.from('no'), 2)
      },
    })
    try {
      const upgrade = (method: string): string =>
        `${method} /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
      const plain = await exchange(asked, upgrade('GET'))
      expect(plain.problems).toEqual([])
      expect(plain.statuses).toEqual([200])
      expect(heads).toEqual(['websocket'])
      const ahead = await exchange(asked, `${upgrade('GET')}${HIDDEN}`, { timeoutMs: 500 })
      expect(ahead.lines).not.toContain('GET /admin')
      const post = await exchange(asked, upgrade('POST'))
      expect(post.statuses.filter((status) => status === 101)).toEqual([])
      expect(heads.at(-1)).toBe('')
    } finally {
      await asked.close()
    }
  })

  it.each([
    'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: made-up\r\n\r\n',
    'GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: keep-alive,upgrade\r\n\r\n',
    'POST /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi',
    'GET /ws HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n',
  ])(
    'B3 B16 behind an Upgrade that is not granted no body becomes a request, wherever it is cut: %j',
    async (asks) => {
      // Node's parser drops what it has read behind such a request in the same piece, so that the body would stand where a request is due.
      const post = `POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: ${HIDDEN.length}\r\n\r\n`
      const [first = ''] = asks.split(' HTTP')
      for (const pieces of [[asks + post, HIDDEN], [asks, post, HIDDEN], [asks + post + HIDDEN]]) {
        const { lines, statuses, closed } = await exchange(
          subject,
          { name: asks, pieces: pieces.map((piece) => Buffer.from(piece)) },
          { untilClosed: kind === 'node', timeoutMs: 2_000 },
        )
        const form = JSON.stringify(pieces)
        if (kind === 'node')
          expect({ lines, statuses, closed }, form).toEqual({ lines: [first], statuses: [200], closed: true })
        else expect(lines, form).toEqual([first, 'POST /b'].slice(0, lines.length))
      }
    },
  )
})
