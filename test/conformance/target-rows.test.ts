import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS, AcceptorUnderTest } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { exchange } from '../support/exchange.js'
import { packetForms } from '../support/packet-forms.js'
import { seenHeader } from '../support/seen-request.js'
import { line } from './request-line-table.js'
import { HIDDEN } from './row-runner.js'

conserved()

describe.each(ACCEPTOR_KINDS)('targets, methods and versions over %s', (kind) => {
  let subject: AcceptorUnderTest
  beforeAll(async () => {
    subject = await AcceptorUnderTest.start(kind)
  })
  afterAll(async () => {
    await subject.close()
  })

  it.each(['DELETE', 'PATCH', 'PUT', 'PURGE', 'PROPFIND', 'QUERY'])(
    'U10 §4.2 %s is passed on as it is',
    async (method) => {
      const { seen, closed, problems } = await exchange(
        subject,
        `${method} /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`,
      )
      expect({ seen: seen.map((request) => request.method), closed, problems }).toEqual({
        seen: [method],
        closed: false,
        problems: [],
      })
    },
  )

  it('U10 the answer to a forbidden method says what is allowed', async () => {
    const { responses } = await exchange(subject, line('TRACE / HTTP/1.1'), { untilClosed: true })
    for (const answer of responses.filter(({ status }) => status === 405)) {
      expect(answer.header('allow')).toMatch(/GET/)
    }
    expect(subject.seen).toEqual([])
  })

  it.each([
    ['/a/../b//%2e%2e/c', '/a/../b//%2e%2e/c'],
    ['//host/path', '//host/path'],
    ['/a;b=c,d', '/a;b=c,d'],
    ["/~a-b_c.d!e$f&g'h(i)j*k+l,m;n=o:p@q", "/~a-b_c.d!e$f&g'h(i)j*k+l,m;n=o:p@q"],
    ['/?', '/?'],
    ['/?a=b?c/d', '/?a=b?c/d'],
    ['/vast?cb=[CACHEBUSTING]&x={a}|b', '/vast?cb=%5BCACHEBUSTING%5D&x=%7Ba%7D%7Cb'],
    ['/vast?cb=100%', '/vast?cb=100%25'],
  ])('U9 the target %s reaches the application as the strict %s', async (sent, wanted) => {
    for (const form of packetForms(`GET ${sent} HTTP/1.1\r\nHost: a\r\n\r\n`)) {
      const { lines, statuses, problems } = await exchange(subject, form)
      expect({ lines, statuses, problems }, form.name).toEqual({
        lines: [`GET ${wanted}`],
        statuses: [200],
        problems: [],
      })
    }
  })

  it.each(['a', 'a.b-c_d~e', 'a:80', 'a:', '127.0.0.1:8080', '[::1]', '[::ffff:1.2.3.4]:65535'])(
    'U5 the Host %s is accepted',
    async (host) => {
      const { seen, statuses, problems } = await exchange(subject, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      expect({ hosts: seen.map((request) => request.host), statuses, problems }).toEqual({
        hosts: [host],
        statuses: [200],
        problems: [],
      })
    },
  )

  it('U8 OPTIONS * reaches the application as it is, or is refused', async () => {
    const { lines, statuses, problems } = await exchange(subject, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(problems).toEqual([])
    // uWS refuses asterisk-form in its parser.
    expect(
      kind === 'node'
        ? [['OPTIONS *', 204]]
        : [
            ['OPTIONS *', 204],
            ['', 400],
            ['', 505],
          ],
    ).toContainEqual([lines.join(), statuses[0]])
  })

  it('U8 leading empty lines are skipped, or the connection is refused', async () => {
    const { lines, statuses, problems } = await exchange(subject, '\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n', {
      timeoutMs: 300,
    })
    expect(problems).toEqual([])
    expect(
      kind === 'node'
        ? [['GET /a', 200]]
        : [
            ['GET /a', 200],
            ['', 400],
            ['', 505],
            // uWS 20.57 says nothing, and closes at its idle timer.
            ['', undefined],
          ],
    ).toContainEqual([lines.join(), statuses[0]])
  })

  it('U8 HTTP/1.0 is answered and closed by node, and refused with 505 by uws', async () => {
    for (const form of packetForms(`GET /a HTTP/1.0\r\nHost: a\r\n\r\n${HIDDEN}`)) {
      const { lines, statuses, closed, problems } = await exchange(subject, form, { untilClosed: true })
      const wanted = kind === 'node' ? { lines: ['GET /a'], statuses: [200] } : { lines: [], statuses: [505] }
      expect({ lines, statuses, closed, problems }, form.name).toEqual({
        ...wanted,
        closed: true,
        problems: [],
      })
    }
  })

  it('B11 forwarding fields that a client could forge are taken off', async () => {
    const forged = [
      'Forwarded: for=1',
      'X-Forwarded-For: 1',
      'X-Forwarded-Host: b',
      'X-Forwarded-Proto: https',
      'X-Real-IP: 1',
      'X-Request-Id: mine',
    ]
    const { seen, problems } = await exchange(
      subject,
      `GET / HTTP/1.1\r\nHost: a\r\nX-Kept: yes\r\n${forged.map((field) => `${field}\r\n`).join('')}\r\n`,
    )
    expect(problems).toEqual([])
    expect(seen.map((request) => seenHeader(request, 'x-kept'))).toEqual([['yes']])
  })
  it('B18 fields named like members of Object are ordinary ones', async () => {
    const { seen, statuses, problems } = await exchange(
      subject,
      'GET / HTTP/1.1\r\nHost: a\r\nconstructor: 1\r\ntoString: 2\r\nhasOwnProperty: 3\r\n__proto__: 4\r\n\r\n',
    )
    expect({ statuses, problems }).toEqual({ statuses: [200], problems: [] })
    for (const name of ['constructor', 'tostring', 'hasownproperty']) {
      expect(
        seen.flatMap((request) => seenHeader(request, name)),
        name,
      ).toHaveLength(1)
    }
  })
})
