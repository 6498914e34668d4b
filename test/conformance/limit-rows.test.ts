import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { packetForms } from '../support/packet-forms.js'
import { RawClient } from '../support/raw-client.js'
import { seenBody, seenHeader } from '../support/seen-request.js'
import { turns } from '../support/turns.js'
import { runRows } from './row-runner.js'

conserved()

const fields = (count: number): string => Array.from({ length: count }, (_, i) => `x-${i}: v\r\n`).join('')

describe.each(ACCEPTOR_KINDS)('limits over %s', (kind) => {
  let subject: AcceptorUnderTest
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind, {
      limits: { headerBytes: 8_192, headerCount: 60, targetBytes: 2_048, bodyBytes: 1_000 },
    })
  })
  afterAll(async () => {
    await subject.close()
  })

  const refused = async (bytes: string, status: number): Promise<void> => {
    subject.reset()
    const { forms = [], seen } = (await runRows(subject, [bytes])).get(bytes) ?? {}
    expect(forms.length).toBeGreaterThan(5)
    expect(forms.filter(({ statuses, closed }) => statuses.join() !== String(status) || !closed)).toEqual([])
    expect(forms.flatMap(({ problem }) => problem ?? [])).toEqual([])
    expect(seen).toEqual([])
    expect(subject.breaches).toEqual([])
  }
  const accepted = async (bytes: string): Promise<void> => {
    for (const form of packetForms(bytes)) {
      const { statuses, problems } = await exchange(subject, form)
      expect({ statuses, problems }, form.name).toEqual({ statuses: [200], problems: [] })
    }
  }

  it('U7 a field section of 5 KiB is accepted in one packet and in several', async () => {
    await accepted(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'v'.repeat(5_120)}\r\n\r\n`)
  })

  it('U7 B5 a field section beyond the limit is 431, in one packet and in several', async () => {
    await refused(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'v'.repeat(8_200)}\r\n\r\n`, 431)
  })

  it('U7 B5 many fields that together pass the limit are 431', async () => {
    const many = Array.from({ length: 50 }, (_, i) => `x-${i}: ${'v'.repeat(180)}\r\n`).join('')
    await refused(`GET / HTTP/1.1\r\nHost: a\r\n${many}\r\n`, 431)
  })

  it('§4.2 as many fields as the limit allows are accepted, one more is 431', async () => {
    await accepted(`GET / HTTP/1.1\r\nHost: a\r\n${fields(59)}\r\n`)
    await refused(`GET / HTTP/1.1\r\nHost: a\r\n${fields(60)}\r\n`, 431)
  })

  it('§4.2 90 fields are accepted by default, 101 are 431', async () => {
    const byDefault = await AcceptorUnderTest.start(kind)
    try {
      const few = await exchange(byDefault, `GET / HTTP/1.1\r\nHost: a\r\n${fields(89)}\r\n`)
      expect([few.statuses, few.problems, few.lines]).toEqual([[200], [], ['GET /']])
      const many = await exchange(byDefault, `GET / HTTP/1.1\r\nHost: a\r\n${fields(100)}\r\n`, {
        untilClosed: true,
      })
      expect([many.statuses, many.problems, many.lines]).toEqual([[431], [], []])
    } finally {
      await byDefault.close()
    }
  })

  it('B5 a target as long as the limit is accepted, one byte more is 414', async () => {
    await accepted(`GET /${'a'.repeat(2_047)} HTTP/1.1\r\nHost: a\r\n\r\n`)
    await refused(`GET /${'a'.repeat(2_048)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414)
  })

  it('B5 the query counts as part of the target', async () => {
    await refused(`GET /?${'a'.repeat(2_048)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414)
  })

  it('B5 an announced body beyond the limit is 413 before a byte of it is sent', async () => {
    await refused('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n', 413)
  })

  it('B5 a body of exactly the limit is accepted', async () => {
    await accepted(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n${'b'.repeat(1_000)}`)
  })

  it('B5 a chunked body that passes the limit is 413 before the upload ends, and never counts as complete', async () => {
    const client = await RawClient.connect(subject.port)
    subject.reset()
    await client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (let sent = 0; sent < 20 && !client.closed; sent += 1) {
      await client.send(`64\r\n${'b'.repeat(100)}\r\n`)
      await turns()
    }
    expect(await client.untilClosed()).toBe(true)
    expect(client.responses().responses.map(({ status }) => status)).toEqual([413])
    expect(subject.seen.map(({ state }) => state)).toEqual(['aborted'])
    expect(subject.seen.map((request) => seenBody(request).length <= 1_000)).toEqual([true])
    expect(subject.breaches).toEqual([])
    await client.destroy()
  })

  it('§4.2 names with token characters beside letters and digits do not hang the connection', async () => {
    const { statuses, seen, problems } = await exchange(
      subject,
      'GET /echo HTTP/1.1\r\nHost: a\r\nUnder_score: 1\r\nx!y: 2\r\nx~y: 3\r\nx*y: 4\r\n\r\n',
    )
    expect({ statuses, problems }).toEqual({ statuses: [200], problems: [] })
    expect(seen.map((request) => [seenHeader(request, 'x!y'), seenHeader(request, 'x*y')])).not.toEqual([])
  })

  it('§4.2 a request line split at every byte is understood', async () => {
    const bytes = 'GET /some/path?with=query HTTP/1.1\r\nHost: a\r\n\r\n'
    for (let at = 1; at < bytes.indexOf('\r\n') + 3; at += 1) {
      const form = {
        name: `at ${at}`,
        pieces: [Buffer.from(bytes.slice(0, at)), Buffer.from(bytes.slice(at))],
      }
      const { lines, statuses } = await exchange(subject, form)
      expect({ lines, statuses }, form.name).toEqual({
        lines: ['GET /some/path?with=query'],
        statuses: [200],
      })
    }
  })

  it('U19 B7 connections beyond the limit are closed at once, the others keep working', async () => {
    const small = await AcceptorUnderTest.start(kind, { limits: { connections: 5 } })
    const clients: RawClient[] = []
    try {
      for (let i = 0; i < 12; i += 1) {
        clients.push(await RawClient.connect(small.port))
        await small.settle()
      }
      await Promise.all(clients.slice(5).map((client) => client.untilClosed()))
      expect(clients.map(({ closed }) => closed)).toEqual(clients.map((_, i) => i >= 5))
      for (const client of clients.slice(0, 5)) {
        await client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        expect((await client.readResponses()).responses.map(({ status }) => status)).toEqual([200])
      }
      expect(small.acceptor.connections).toBe(5)
      // A place that is given back can be taken again.
      await clients[0]?.destroy()
      await small.until(() => small.acceptor.connections < 5, 50)
      await small.settle()
      const next = await RawClient.connect(small.port)
      clients.push(next)
      await next.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      expect((await next.readResponses()).responses.map(({ status }) => status)).toEqual([200])
    } finally {
      await Promise.all(clients.map((client) => client.destroy()))
      await small.close()
    }
  })
})
