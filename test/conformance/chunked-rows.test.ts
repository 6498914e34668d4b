import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { byteByByte, packetForms } from '../support/packet-forms.js'
import { seenBody } from '../support/seen-request.js'
import { chunked } from './chunk-table.js'
import { HIDDEN } from './row-runner.js'

conserved()

/** Proper bodies: id, what, chunked text, decoded. */
const PROPER: readonly (readonly [id: string, what: string, body: string, decoded: string])[] = [
  ['U4', 'one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['U4', 'two chunks', '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n', 'hello world'],
  [
    'U4',
    'upper and lower case sizes',
    'A\r\nhelloworld\r\na\r\nhelloworld\r\n0\r\n\r\n',
    'helloworldhelloworld',
  ],
  ['U4', 'zeros before a size', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
  ['U4', 'no chunk but the last', '0\r\n\r\n', ''],
  [
    'U4',
    'CRLF and a request as data',
    `${(HIDDEN.length + 4).toString(16)}\r\n\r\n\r\n${HIDDEN}\r\n0\r\n\r\n`,
    `\r\n\r\n${HIDDEN}`,
  ],
]

describe.each(ACCEPTOR_KINDS)('chunked requests over %s', (kind) => {
  let subject: AcceptorUnderTest
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind)
  })
  afterAll(async () => {
    await subject.close()
  })

  it.each(PROPER)(
    '%s %s arrives decoded, and the connection is closed after the answer',
    async (_, __, body, decoded) => {
      const bytes = chunked(body)
      for (const form of [...packetForms(bytes), byteByByte(bytes)]) {
        const { responses, closed, seen, lines, problems } = await exchange(subject, form, {
          untilClosed: true,
        })
        expect({ form: form.name, lines, closed, problems }).toEqual({
          form: form.name,
          lines: ['POST /a'],
          closed: true,
          problems: [],
        })
        expect(seen[0]?.contentLength).toBe(-2)
        expect(
          responses.map((r) => [r.status, r.header('connection'), r.body.toString()]),
          form.name,
        ).toEqual([[200, 'close', decoded]])
      }
    },
  )

  it.each(PROPER)(
    '%s %s: a request behind it on the connection is not executed',
    async (_, __, body, decoded) => {
      const bytes = `${chunked(body)}${HIDDEN}`
      for (const form of packetForms(bytes)) {
        const { statuses, closed, seen, lines, problems } = await exchange(subject, form, {
          untilClosed: true,
        })
        expect({ form: form.name, lines, closed, problems }).toEqual({
          form: form.name,
          lines: ['POST /a'],
          closed: true,
          problems: [],
        })
        // uWS closes when a request arrives while one is pending (U11), so there the answer may be lost.
        expect(kind === 'node' ? [[200]] : [[200], []], form.name).toContainEqual(statuses)
        if (seen[0]?.state === 'complete') expect(seenBody(seen[0]).toString(), form.name).toBe(decoded)
      }
    },
  )

  it.each([
    ['§4.2', 'a chunk extension', '5;name=value\r\nhello\r\n0\r\n\r\n'],
    ['B3', 'an extension of 64 KiB', `5;${'a'.repeat(65_536)}\r\nhello\r\n0\r\n\r\n`],
    ['§4.2', 'a trailer', '5\r\nhello\r\n0\r\nX-Checksum: abc\r\n\r\n'],
    [
      'B3',
      'a trailer that is a framing field',
      '5\r\nhello\r\n0\r\nContent-Length: 50\r\nTransfer-Encoding: x\r\n\r\n',
    ],
  ])('%s %s is read as a strict server does, or the request is refused', async (_, __, body) => {
    const bytes = `${chunked(body)}${HIDDEN}`
    for (const form of packetForms(bytes)) {
      const { statuses, closed, seen, lines, problems } = await exchange(subject, form, { untilClosed: true })
      expect(['POST /a', ''], form.name).toContain(lines.join())
      expect({ form: form.name, closed, problems }).toEqual({ form: form.name, closed: true, problems: [] })
      const accepted = seen[0]?.state === 'complete'
      expect(
        seen.map((request) => seenBody(request).toString()).filter((text) => !'hello'.startsWith(text)),
      ).toEqual([])
      // 505 is what uWS says to a trailer section. It closes when a request arrives while one is pending (U11).
      const answers = accepted ? [[200]] : [[], [400], [413]]
      expect(kind === 'node' ? answers : [...answers, [], [505]], form.name).toContainEqual(statuses)
    }
  })

  it('U4 chunked: reject answers 411 and closes before the application sees anything', async () => {
    const strict = await AcceptorUnderTest.start(kind, { chunked: 'reject' })
    try {
      const bytes = chunked(`5\r\nhello\r\n0\r\n\r\n${HIDDEN}`)
      for (const form of packetForms(bytes)) {
        const { statuses, closed, lines, problems } = await exchange(strict, form, { untilClosed: true })
        expect({ closed, lines, problems }, form.name).toEqual({ closed: true, lines: [], problems: [] })
        // uWS closes when a request arrives while one is pending (U11), so there the answer may be lost.
        expect(kind === 'node' ? [[411]] : [[411], []], form.name).toContainEqual(statuses)
      }
    } finally {
      await strict.close()
    }
  })
})
