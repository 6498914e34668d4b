import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import { Headers } from '#src/session/headers.js'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { packetForms } from '../support/packet-forms.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'
const HEAD = 'HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n'
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe.each(ACCEPTOR_KINDS)('answers over %s', (kind) => {
  let subject: AcceptorUnderTest
  /** What the application does with the next requests. */
  let answer: (exchange: Downstream) => void
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind, { application: (exchange) => answer(exchange) })
  })
  afterAll(async () => {
    await subject.close()
  })

  /** One answer, then a second request on the same connection, which must be served properly. */
  const thenAgain = async (request: string, method: string) => {
    subject.reset()
    const client = await RawClient.connect(subject.port)
    await client.send(request)
    await client.readResponses(1, [method], 500)
    await subject.settle()
    answer = (again) => again.respond(200, 'OK', '', bytes('again'), 5)
    await client.send(GET)
    const parsed = await client.readResponses(2, [method, 'GET'])
    await client.destroy()
    await subject.settle()
    expect(parsed.problem).toBeNull()
    expect(subject.breaches).toEqual([])
    expect([parsed.responses[1]?.status, parsed.responses[1]?.body.toString()]).toEqual([200, 'again'])
    expect([subject.handler.finished, subject.handler.pending]).toEqual([2, 0])
    return parsed.responses[0]
  }

  it.each([
    ['U16', 'the length of the body it would have', null, 99, '99'],
    ['U15', 'no body though one is given', 'body', 4, '4'],
    ['U16', 'an empty body', null, 0, '0'],
    ['U16', 'no length', null, null, null],
  ] as const)('%s HEAD with %s, then GET on the same connection', async (_, __, body, length, wanted) => {
    answer = (head) => head.respond(200, 'OK', 'x-a: b\r\n', body === null ? null : bytes(body), length)
    const first = await thenAgain(HEAD, 'HEAD')
    expect([first?.status, first?.header('content-length'), first?.all('content-length').length]).toEqual([
      200,
      wanted,
      wanted === null ? 0 : 1,
    ])
    expect(first?.header('x-a')).toBe('b')
  })

  it.each([204, 304])(
    'U17 %i has no body and no Content-Length of its own, then GET on the same connection',
    async (status) => {
      for (const body of [null, bytes('body')]) {
        answer = (given) => given.respond(status, '', 'etag: "a"\r\n', body, null)
        const first = await thenAgain(GET, 'GET')
        expect([
          first?.status,
          first?.header('etag'),
          first?.all('content-length'),
          first?.all('transfer-encoding'),
        ]).toEqual([status, '"a"', [], []])
      }
    },
  )

  it('HEAD answered as a stream has no body', async () => {
    answer = (given) => {
      given.writeHead(200, 'OK', 'x-a: b\r\n', 10)
      given.end('')
    }
    const first = await thenAgain(HEAD, 'HEAD')
    expect([first?.status, first?.header('content-length')]).toEqual([200, '10'])
  })

  it.each([
    [200, 'OK'],
    [200, ''],
    [206, 'Partial Content'],
    [299, 'Own words'],
    [404, 'Not Found'],
    [429, 'Too Many Requests'],
    [599, ''],
  ])('status %i %s arrives with its field lines in order and its body once', async (status, text) => {
    answer = (given) =>
      given.respond(
        status,
        text,
        'set-cookie: a=1\r\nx-b: \xe9\r\nset-cookie: c=2\r\nx-empty: \r\n',
        bytes('body'),
        4,
      )
    const first = await thenAgain(GET, 'GET')
    expect([first?.status, first?.body.toString(), first?.framing]).toEqual([status, 'body', 'length'])
    expect([first?.all('set-cookie'), first?.header('x-b'), first?.header('x-empty')]).toEqual([
      ['a=1', 'c=2'],
      '\xe9',
      '',
    ])
    if (text !== '') expect(first?.statusText).toBe(text)
  })

  it('an empty body is announced as such', async () => {
    for (const body of [null, bytes('')]) {
      answer = (given) => given.respond(200, 'OK', '', body, null)
      expect((await thenAgain(GET, 'GET'))?.header('content-length')).toBe('0')
    }
  })

  it('U15 has exactly one Date, the request id of the request, and no banner of a server', async () => {
    const ids: string[] = []
    answer = (given) => {
      ids.push(given.head.requestId)
      given.respond(200, 'OK', '', bytes('body'), 4)
    }
    const first = await thenAgain(GET, 'GET')
    expect(first?.header('date')).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    expect(
      first?.headers
        .map(([name]) => name.toLowerCase())
        .filter((name) => /uwebsockets|server|powered/.test(name)),
    ).toEqual([])
    expect(ids[0]).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(first?.header('x-request-id')).toBe(ids[0])
  })

  it.each(['x-a: 1\r\nx-evil: 2', 'x-a: 1\nx-evil: 2', 'x-a: 1\rx-evil: 2', 'x-a: 1\0'])(
    'U14 B15 a filter cannot write %j into a field',
    (injected) => {
      const headers = new Headers('')
      expect(() => headers.append('x-a', injected.slice(5))).toThrow(/x-a/)
      expect(() => headers.append(injected, 'v')).toThrow()
      expect(headers.toBlock()).toBe('')
    },
  )

  it.each([
    ['a status text with CRLF', 'OK\r\nx-evil: 2', ''],
    [
      'a status text with CRLF and an answer',
      'OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\nx-evil: 2',
      '',
    ],
    ['a status text with LF', 'OK\nx-evil: 2', ''],
    ['a status text with NUL', 'OK\0', ''],
    ['a block with a bare LF', 'OK', 'x-a: 1\nx-evil: 2\r\n'],
    ['a block with a bare CR', 'OK', 'x-a: 1\rx-evil: 2\r\n'],
    ['a block with NUL', 'OK', 'x-a: 1\0\r\n'],
    ['a block with an empty line', 'OK', 'x-a: 1\r\n\r\nx-evil: 2\r\n'],
    ['a name with a space', 'OK', 'x a: 1\r\n'],
  ])('U14 B15 %s is never written raw', async (_, statusText, headerBlock) => {
    for (const streamed of [false, true]) {
      subject.reset()
      answer = (given) => {
        if (streamed) {
          given.writeHead(200, statusText, headerBlock, 4)
          given.write(bytes('body'))
          given.end('')
        } else given.respond(200, statusText, headerBlock, bytes('body'), 4)
      }
      const client = await RawClient.connect(subject.port)
      await client.send(GET)
      const { responses, problem } = await client.readResponses(1, [], 500)
      await subject.settle()
      await client.destroy()
      expect(problem).toBeNull()
      expect(subject.breaches).toEqual([])
      expect(responses.length).toBeLessThanOrEqual(1)
      expect(responses.flatMap((r) => r.all('x-evil'))).toEqual([])
      expect(client.text).not.toMatch(/[\0]|^x-evil/im)
      await subject.settle()
      expect(subject.handler.pending).toBe(0)
    }
  })

  it('§4.2 bodies that lie in shared memory are sent', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(16)).fill(120)
    answer = (given) => given.respond(200, 'OK', '', shared.subarray(4, 12), 8)
    expect((await thenAgain(GET, 'GET'))?.body.toString()).toBe('xxxxxxxx')
    answer = (given) => {
      given.writeHead(200, 'OK', '', null)
      given.write(shared.subarray(0, 3))
      given.end('')
    }
    expect((await thenAgain(GET, 'GET'))?.body.toString()).toBe('xxx')
  })

  it('a large answer at once arrives whole though its memory is used again right after the call', async () => {
    const memory = new Uint8Array(new SharedArrayBuffer(8 * 1024 * 1024)).fill(120)
    for (const streamed of [false, true]) {
      answer = (given) => {
        memory.fill(120)
        if (streamed) {
          given.writeHead(200, 'OK', '', memory.length)
          given.write(memory)
          given.end('')
        } else given.respond(200, 'OK', '', memory, memory.length)
        memory.fill(46)
      }
      const client = await RawClient.connect(subject.port)
      client.pauseReading()
      await client.send(GET)
      await subject.settle()
      client.resumeReading()
      const { responses } = await client.readResponses()
      expect([responses[0]?.complete, responses[0]?.body.length, responses[0]?.body.indexOf('.')]).toEqual([
        true,
        memory.length,
        -1,
      ])
      await client.destroy()
    }
  })

  it('an answer given inside onRequest is as good as a later one, in every packet form', async () => {
    const direct = await AcceptorUnderTest.start(kind, {
      application: (given) => given.respond(200, 'OK', '', bytes('body'), 4),
      answerTime: 'at-once',
    })
    try {
      for (const form of packetForms(GET)) {
        const { responses, closed, problems } = await exchange(direct, form)
        expect({ closed, problems }, form.name).toEqual({ closed: false, problems: [] })
        expect(
          responses.map((r) => r.body.toString()),
          form.name,
        ).toEqual(['body'])
      }
      const client = await RawClient.connect(direct.port)
      for (let round = 1; round <= 20; round += 1) {
        await client.send(GET)
        expect((await client.readResponses(round)).responses).toHaveLength(round)
      }
      await client.destroy()
    } finally {
      await direct.close()
    }
  })
})
