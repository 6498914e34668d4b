import { describe, expect, it } from 'vitest'
import type { Downstream } from '#src/acceptor/types.js'
import { ACCEPTOR_KINDS, type AcceptorUnderTest, withClient } from '../support/acceptor-under-test.js'
import { pattern, piecesOf } from '../support/application.js'
import { conserved } from '../support/conservation.js'

conserved()

const UPLOAD_BYTES = 8_000_000
const ANSWER_BYTES = 3_000_000
const upload = Buffer.alloc(UPLOAD_BYTES, 'u')
const head = (more = ''): string =>
  `POST /a HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${UPLOAD_BYTES}\r\n\r\n`

type Answer = (exchange: Downstream) => void

const forbid: Answer = (given) => given.respond(403, 'Forbidden', '', Buffer.from('go away'), 7)
const ANSWERS: readonly (readonly [what: string, answer: Answer, status: number, bytes: number])[] = [
  ['small', forbid, 403, 7],
  ['of one byte', (given) => given.respond(403, 'Forbidden', '', Buffer.from('x'), 1), 403, 1],
  ['empty', (given) => given.respond(403, 'Forbidden', '', null, 0), 403, 0],
  ['without a body', (given) => given.respond(204, 'No Content', '', null, null), 204, 0],
  ['large', (given) => given.respond(200, 'OK', '', pattern(ANSWER_BYTES), ANSWER_BYTES), 200, ANSWER_BYTES],
  [
    'chunked',
    (given) => {
      given.writeHead(200, 'OK', '', null)
      given.write(Buffer.from('one '))
      given.write(Buffer.from('two'))
      given.end('')
    },
    200,
    7,
  ],
]

describe.each(ACCEPTOR_KINDS)('an answer before the end of the upload, over %s', (kind) => {
  describe.each([
    ['', ''],
    [', the client closing', 'Connection: close\r\n'],
  ])('while it goes on%s', (_, fields) => {
    it.each(ANSWERS)(
      'B17 %s: it arrives whole, without a reset, and then the connection ends',
      async (__, answer, status, bytes) => {
        await withClient(kind, { answerTime: 'early', application: answer }, async (client, subject) => {
          await client.send(head(fields))
          const sent = client.send(upload)
          const { responses, problem } = await client.readResponses()
          expect(problem).toBeNull()
          expect(responses.map((r) => [r.status, r.body.length, r.complete])).toEqual([[status, bytes, true]])
          expect(responses[0]?.header('connection')).toBe('close')
          await sent
          client.endSending()
          expect(await client.untilClosed()).toBe(true)
          expect(client.errorCode).toBeNull()
          expect([subject.handler.finished, subject.handler.aborted]).toEqual([1, 0])
        })
      },
    )

    it('B5 the refusal of an upload that is announced too large arrives as well', async () => {
      await withClient(kind, { limits: { bodyBytes: 1_000 } }, async (client, subject) => {
        await client.send(head(fields))
        const sent = client.send(upload)
        const { responses } = await client.readResponses()
        expect(responses.map((r) => [r.status, r.header('connection'), r.complete])).toEqual([
          [413, 'close', true],
        ])
        await sent
        client.endSending()
        expect(await client.untilClosed()).toBe(true)
        expect(client.errorCode).toBeNull()
        expect([subject.seen.length, subject.refusals.length]).toEqual([0, 1])
      })
    })
  })

  it('a client that never stops sending is cut off after a while', async () => {
    await withClient(kind, { answerTime: 'early', application: forbid }, async (client) => {
      await client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999\r\n\r\n')
      expect((await client.readResponses()).responses.map((r) => r.status)).toEqual([403])
      const from = performance.now()
      // Not the end of the server's side is meant, but that nothing can be sent any more.
      while (client.errorCode === null && performance.now() - from < 10_000) {
        await client.send(Buffer.alloc(65_536))
        await client.until(() => client.errorCode !== null, 5)
      }
      expect(client.errorCode).not.toBeNull()
      expect(performance.now() - from).toBeLessThan(6_000)
    })
  })

  it('a request behind it on the connection is not executed', async () => {
    await withClient(kind, { answerTime: 'early', application: forbid }, async (client, subject) => {
      await client.send(head())
      expect((await client.readResponses()).responses.map((r) => r.status)).toEqual([403])
      await client.send(Buffer.concat([upload, Buffer.from('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n')]))
      expect(await client.untilClosed()).toBe(true)
      expect(subject.seen.map(({ target }) => target)).toEqual(['/a'])
    })
  })

  it.each(['known length', 'chunked'])(
    'a large answer (%s) to a slow reader is given whole while the upload is paused',
    async (framing) => {
      const large = pattern(24 * 1024 * 1024)
      let running: AcceptorUnderTest | null = null as AcceptorUnderTest | null
      const application = (given: Downstream): void => {
        given.pauseBody()
        running?.handler.give(given, {
          status: 200,
          statusText: 'OK',
          headerBlock: '',
          body: {
            kind: 'stream',
            contentLength: framing === 'chunked' ? null : large.length,
            pieces: piecesOf(large),
            trailerBlock: '',
          },
        })
      }
      await withClient(kind, { answerTime: 'early', application }, async (client, subject) => {
        running = subject
        client.pauseReading()
        await client.send(head())
        const sent = client.send(upload)
        expect(await subject.until(() => subject.handler.stalls > 0)).toBe(true)
        client.resumeReading()
        const { responses } = await client.readResponses(1, [], 20_000)
        expect(responses.map((r) => [r.complete, r.body.equals(large)])).toEqual([[true, true]])
        await sent
      })
    },
  )
})
