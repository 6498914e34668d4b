import { describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest, DEFAULT_LIMITS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const HEAD_BYTES = DEFAULT_LIMITS.headerBytes + DEFAULT_LIMITS.targetBytes
const post = (fields: string, body = ''): string => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

/** What is wrong, its bytes, and the kind by which it is counted. */
const REFUSED: readonly (readonly [what: string, bytes: string, kind: string])[] = [
  ['a Content-Length that is no number', post('Content-Length: x', 'abc'), 'parse'],
  [
    'Content-Length and Transfer-Encoding',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\n'),
    'parse',
  ],
  ['a target that is too long', `GET /${'a'.repeat(9_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 'limit'],
  [
    'a target longer than a whole head',
    `GET /${'a'.repeat(2 * HEAD_BYTES)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    'limit',
  ],
  [
    'fields that are too long',
    `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'a'.repeat(2 * HEAD_BYTES)}\r\n\r\n`,
    'limit',
  ],
  ['another version', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 'parse'],
  ['a space in a name', 'GET / HTTP/1.1\r\nHost: a\r\nX A: 1\r\n\r\n', 'parse'],
  ['no request at all', '\x16\x03\x01\x02\x00\r\n\r\n', 'parse'],
]

describe.each(ACCEPTOR_KINDS.flatMap((kind) => [[kind, false] as const, [kind, true] as const]))(
  'C16 each request that is refused over %s (TLS: %s) is counted once',
  (kind, secure) => {
    it.each(REFUSED)('%s', async (_, bytes, refusalKind) => {
      const subject = await AcceptorUnderTest.start(kind, { secure })
      try {
        const alone = await RawClient.to(subject)
        await alone.send(bytes)
        expect(await alone.untilClosed()).toBe(true)
        await subject.settle()
        expect(subject.refusals.map((refusal) => refusal.kind)).toEqual([refusalKind])
        // Behind one that was answered it is counted as well.
        const behind = await RawClient.to(subject)
        await behind.send(GET)
        await behind.readResponses()
        await behind.send(bytes)
        expect(await behind.untilClosed()).toBe(true)
        await subject.settle()
        expect(subject.refusals.map((refusal) => refusal.kind)).toEqual([refusalKind, refusalKind])
        expect([subject.seen.length, subject.handler.finished, subject.handler.aborted]).toEqual([1, 1, 0])
        expect(subject.acceptor.connections).toBe(0)
        await alone.destroy()
        await behind.destroy()
      } finally {
        await subject.close()
      }
    })

    it('but not a connection that only goes, nor what comes behind a request that is still under way', async () => {
      const subject = await AcceptorUnderTest.start(kind, { secure, application: () => undefined })
      try {
        const silent = await RawClient.to(subject)
        await silent.destroy()
        const busy = await RawClient.to(subject)
        await busy.send(post('Transfer-Encoding: chunked', '5\r\nhello\r\n'))
        expect(await subject.until(() => subject.seen[0]?.chunks.length === 1)).toBe(true)
        await busy.send('no chunk\r\n')
        expect(await subject.until(() => subject.handler.aborted === 1)).toBe(true)
        await busy.destroy()
        await subject.settle()
        // The session has ended, with or without a refusal of its own; nothing else was counted.
        expect(subject.handler.pending).toBe(0)
        expect(subject.refusals.length).toBeLessThanOrEqual(1)
      } finally {
        await subject.close()
      }
    })
  },
)
