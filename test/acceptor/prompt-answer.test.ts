import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Acceptor, createAcceptor } from '#src/acceptor/index.js'
import type { Downstream, PromptReply, RequestHead } from '#src/acceptor/types.js'
import { DEFAULT_LIMITS, DEFAULT_TIMEOUTS } from '../support/acceptor-under-test.js'
import { NotingHandler } from '../support/noting-handler.js'
import { RawClient } from '../support/raw-client.js'

/** Answers `/prompt…` at once, as a hit in the cache is, and everything else through an exchange. */
class PromptHandler extends NotingHandler {
  answer = { status: 200, statusText: 'OK', headerBlock: 'x-a: 1\r\n' }

  answerAtOnce({ target }: RequestHead, reply: PromptReply): boolean {
    if (!target.startsWith('/prompt')) return false
    const { status, statusText, headerBlock } = this.answer
    const memory = Buffer.from(target)
    reply.respond(status, statusText, headerBlock, memory)
    // It was valid only during the call.
    memory.fill('x')
    return true
  }

  onRequest(exchange: Downstream): void {
    this.events.push('request')
    exchange.respond(200, 'OK', '', Buffer.from('exchange'), 8)
  }
}

const handler = new PromptHandler()
let acceptor: Acceptor
let client: RawClient

beforeEach(async () => {
  handler.events.length = 0
  handler.answer = { status: 200, statusText: 'OK', headerBlock: 'x-a: 1\r\n' }
  acceptor = await createAcceptor(
    'uws',
    { host: '127.0.0.1', port: 0, limits: DEFAULT_LIMITS, timeouts: DEFAULT_TIMEOUTS, chunked: 'close' },
    handler,
  )
  client = await RawClient.connect(acceptor.port)
})
afterEach(async () => {
  await client.destroy()
  await acceptor.close()
})

const get = (target: string, more = ''): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`
/** The last one closes. */
const LAST = get('/last', 'Connection: close\r\n')

async function answersTo(bytes: string) {
  await client.send(bytes)
  await client.untilClosed()
  const { responses, problem } = client.responses()
  expect(problem).toBeNull()
  return responses
}

it('pipelined requests that are answered at once get their answers in order, each with an id of its own', async () => {
  const targets = Array.from({ length: 50 }, (_, i) => `/prompt/${i}`)
  const responses = await answersTo(targets.map((target) => get(target)).join('') + LAST)
  expect(responses.map(({ body }) => body.toString())).toEqual([...targets, 'exchange'])
  for (const { header } of responses) {
    expect([header('via'), header('x-request-id')]).toEqual([
      '1.1 headgate',
      expect.stringMatching(/^req-[0-9a-f-]{36}$/),
    ])
  }
  expect(responses.slice(0, 50).map(({ header }) => header('x-a'))).toEqual(targets.map(() => '1'))
  expect(new Set(responses.map(({ header }) => header('x-request-id'))).size).toBe(51)
  expect(handler.events).toEqual(['request', 'finish'])
})

it('what is given again has the bytes that it had, beyond ASCII too', async () => {
  handler.answer = { status: 200, statusText: 'OK', headerBlock: 'x-a: caf\xe9\r\n' }
  const responses = await answersTo(get('/prompt').repeat(4) + LAST)
  expect(responses.slice(0, 4).map(({ header }) => header('x-a'))).toEqual([
    'caf\xe9',
    'caf\xe9',
    'caf\xe9',
    'caf\xe9',
  ])
})

it('another status has its status line', async () => {
  handler.answer = { status: 404, statusText: 'Gone fishing', headerBlock: '' }
  const responses = await answersTo(get('/prompt').repeat(3) + LAST)
  expect(responses.map(({ status }) => status)).toEqual([404, 404, 404, 200])
  expect(client.text).toContain('HTTP/1.1 404 Gone fishing\r\n')
})

it('a head that would split the answer becomes a 500, every time', async () => {
  handler.answer = { status: 200, statusText: 'OK', headerBlock: 'x: y\r\n\r\nHTTP/1.1 200 OK\r\n' }
  const responses = await answersTo(get('/prompt').repeat(3) + LAST)
  expect(responses.map(({ status }) => status)).toEqual([500, 500, 500, 200])
})

it.each([
  ['a body follows', 'POST /prompt HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'],
  ['the connection is to be closed', get('/prompt', 'Connection: close\r\n')],
  ['the body is chunked', 'POST /prompt HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
])('where %s nobody is asked for an answer at once', async (_, bytes) => {
  await client.send(bytes)
  await client.untilClosed()
  expect(client.responses().responses[0]?.body.toString()).toBe('exchange')
})

it('a client that leaves right behind its request costs nothing: the next one is served', async () => {
  for (let i = 0; i < 20; i += 1) {
    const hasty = await RawClient.connect(acceptor.port)
    await hasty.send(get('/prompt'))
    await hasty.destroy()
  }
  const responses = await answersTo(get('/prompt') + LAST)
  expect(responses.map(({ status }) => status)).toEqual([200, 200])
  expect(handler.events).toEqual(['request', 'finish'])
})
