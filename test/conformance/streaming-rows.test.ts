import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { pattern, piecesOf } from '../support/application.js'
import { conserved } from '../support/conservation.js'
import { RawClient } from '../support/raw-client.js'
import { seenBody } from '../support/seen-request.js'
import { turns } from '../support/turns.js'

conserved()

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
/** More than two socket buffers of loopback hold. */
const LARGE_BYTES = 24 * 1024 * 1024
/** What the kernel (6 MiB to receive, 4 MiB to send) and a bounded buffer of our own may hold of it. */
const BOUNDED_BYTES = 16 * 1024 * 1024

describe.each(ACCEPTOR_KINDS)('streamed answers over %s', (kind) => {
  let subject: AcceptorUnderTest
  let answer: (exchange: Downstream) => void
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind, { application: (exchange) => answer(exchange) })
  })
  afterAll(async () => {
    await subject.close()
  })

  const ask = async (request = GET, count = 1, timeoutMs = 2_000) => {
    subject.reset()
    const client = await RawClient.connect(subject.port)
    await client.send(request)
    const parsed = await client.readResponses(count, [], timeoutMs)
    await subject.settle()
    expect(subject.breaches).toEqual([])
    return { client, ...parsed }
  }

  it('with a known length carry it; without, they are chunked; the connection lives on', async () => {
    for (const length of [10, null]) {
      answer = (given) => {
        given.writeHead(200, 'OK', 'x-a: b\r\n', length)
        given.write(bytes('hello'))
        setImmediate(() => {
          given.write(bytes('world'))
          given.end('')
        })
      }
      const { client, responses, problem } = await ask()
      expect(problem).toBeNull()
      expect(responses.map((r) => [r.framing, r.body.toString(), r.header('x-a'), r.complete])).toEqual([
        [length === null ? 'chunked' : 'length', 'helloworld', 'b', true],
      ])
      expect([client.closed, subject.handler.finished]).toEqual([false, 1])
      await client.send(GET)
      expect((await client.readResponses(2)).responses.map((r) => r.complete)).toEqual([true, true])
      await client.destroy()
    }
  })

  it('an empty piece does not end a chunked answer', async () => {
    answer = (given) => {
      given.writeHead(200, 'OK', '', null)
      given.write(bytes('a'))
      given.write(bytes(''))
      given.write(bytes('b'))
      given.end('')
    }
    const { client, responses, problem } = await ask()
    expect([problem, responses[0]?.body.toString(), responses[0]?.complete]).toEqual([null, 'ab', true])
    await client.destroy()
  })

  it('without any piece are complete as well', async () => {
    for (const length of [0, null]) {
      answer = (given) => {
        given.writeHead(200, 'OK', '', length)
        given.end('')
      }
      const { client, responses, problem } = await ask()
      expect([problem, responses[0]?.body.length, responses[0]?.complete]).toEqual([null, 0, true])
      expect(subject.handler.finished).toBe(1)
      await client.destroy()
    }
  })

  it('§4.2 trailers of an answer arrive on node; on uws the answer is complete without them', async () => {
    answer = (given) => {
      given.writeHead(200, 'OK', 'trailer: x-checksum\r\n', null)
      given.write(bytes('body'))
      given.end('x-checksum: abc\r\n')
    }
    const { client, responses, problem } = await ask()
    expect([problem, responses[0]?.body.toString(), responses[0]?.complete]).toEqual([null, 'body', true])
    expect(kind === 'node' ? [[['x-checksum', 'abc']]] : [[], [['x-checksum', 'abc']]]).toContainEqual(
      responses[0]?.trailers,
    )
    await client.destroy()
  })

  it('A5 A6 that break off end in a closed connection and never look complete', async () => {
    const ways: readonly ((given: Downstream) => void)[] = [
      (given) => subject.handler.abort(given),
      (given) => {
        given.write(bytes('part'))
        setImmediate(() => subject.handler.abort(given))
      },
    ]
    for (const length of [10, null]) {
      for (const breakOff of ways) {
        answer = (given) => {
          given.writeHead(200, 'OK', '', length)
          breakOff(given)
        }
        const { client, responses } = await ask()
        expect(await client.untilClosed()).toBe(true)
        expect(responses.filter(({ complete }) => complete)).toEqual([])
        expect(subject.handler.finished).toBe(0)
        await client.destroy()
      }
    }
  })

  it('ended before their length are aborted', async () => {
    answer = (given) => {
      given.writeHead(200, 'OK', '', 10)
      given.write(bytes('short'))
      given.end('')
    }
    const { client, responses } = await ask()
    expect(await client.untilClosed()).toBe(true)
    expect(client.responses().responses.filter(({ complete }) => complete)).toEqual([])
    expect(responses.map((r) => r.body.toString()).filter((body) => !'short'.startsWith(body))).toEqual([])
    await client.destroy()
  })

  it('longer than their length never spill into the next answer', async () => {
    answer = (given) => {
      given.writeHead(200, 'OK', '', 4)
      given.write(bytes('body and more'))
      given.end('')
    }
    const { client, problem } = await ask()
    expect(problem).toBeNull()
    expect(client.text).not.toContain('and more')
    await client.destroy()
  })

  it.each([
    ['known length', 'known'],
    ['chunked', 'chunked'],
  ])(
    'U18 a large answer (%s) to a stalled reader is held back, and arrives whole when it reads again',
    async (_, framing) => {
      const large = pattern(LARGE_BYTES)
      let given: Downstream | null = null
      answer = (current) => {
        given = current
        subject.handler.give(current, {
          status: 200,
          statusText: 'OK',
          headerBlock: '',
          body: {
            kind: 'stream',
            contentLength: framing === 'known' ? large.length : null,
            pieces: piecesOf(large),
            trailerBlock: '',
          },
        })
      }
      subject.reset()
      const client = await RawClient.connect(subject.port)
      client.pauseReading()
      await client.send(GET)
      expect(await subject.until(() => subject.handler.stalls > 0)).toBe(true)
      await turns(200)
      const written = (given as Downstream | null)?.bytesOut ?? Number.NaN
      expect(written).toBeLessThan(BOUNDED_BYTES)
      client.resumeReading()
      const { responses, problem } = await client.readResponses(1, [], 15_000)
      expect(problem).toBeNull()
      expect([responses[0]?.complete, responses[0]?.body.equals(large)]).toEqual([true, true])
      expect(await subject.until(() => subject.handler.finished === 1)).toBe(true)
      expect((given as Downstream | null)?.bytesOut).toBe(large.length)
      expect(subject.breaches).toEqual([])
      await client.destroy()
    },
  )

  it('a reader that leaves in the middle of a large answer is reported once', async () => {
    answer = (given) =>
      subject.handler.give(given, {
        status: 200,
        statusText: 'OK',
        headerBlock: '',
        body: {
          kind: 'stream',
          contentLength: null,
          pieces: piecesOf(pattern(LARGE_BYTES)),
          trailerBlock: '',
        },
      })
    subject.reset()
    const client = await RawClient.connect(subject.port)
    await client.send(GET)
    await client.until(() => client.receivedBytes > 100_000)
    await client.destroy()
    expect(await subject.until(() => subject.handler.aborted === 1)).toBe(true)
    await subject.settle()
    expect([subject.handler.aborted, subject.handler.finished, subject.handler.pending]).toEqual([1, 0, 0])
    expect(subject.breaches).toEqual([])
  })

  it.each(['Content-Length', 'chunked'])(
    '§4.2 a paused upload (%s) stops within what was read, and arrives whole',
    async (framing) => {
      const upload = pattern(LARGE_BYTES)
      const paused: Downstream[] = []
      const pausing = await AcceptorUnderTest.start(kind, {
        answerTime: 'early',
        application: (given) => {
          given.pauseBody()
          paused.push(given)
        },
      })
      const client = await RawClient.connect(pausing.port)
      try {
        const head = 'POST / HTTP/1.1\r\nHost: a\r\n'
        const message =
          framing === 'chunked'
            ? [
                bytes(`${head}Transfer-Encoding: chunked\r\n\r\n${upload.length.toString(16)}\r\n`),
                upload,
                bytes('\r\n0\r\n\r\n'),
              ]
            : [bytes(`${head}Content-Length: ${upload.length}\r\n\r\n`), upload]
        const sent = client.send(Buffer.concat(message))
        await pausing.until(() => paused.length === 1)
        await turns(300)
        const request = pausing.seen[0]
        const held = request === undefined ? Number.NaN : seenBody(request).length
        expect(held).toBeLessThan(BOUNDED_BYTES / 2)
        await turns(100)
        expect(request === undefined ? Number.NaN : seenBody(request).length).toBe(held)
        paused[0]?.resumeBody()
        expect(await pausing.until(() => request?.state === 'complete', 15_000)).toBe(true)
        expect(request === undefined ? null : seenBody(request).equals(upload)).toBe(true)
        paused[0]?.respond(200, 'OK', '', bytes('done'), 4)
        expect((await client.readResponses()).responses.map((r) => r.body.toString())).toEqual(['done'])
        await sent
        expect(pausing.breaches).toEqual([])
      } finally {
        await client.destroy()
        await pausing.close()
      }
    },
  )
})
