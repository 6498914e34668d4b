import { describe, expect, it } from 'vitest'
import {
  evaluate,
  type Http11Case,
  type StepResult,
  type VerdictTable,
} from '../conformance/http11-evaluator.js'
import { packetForms } from './packet-forms.js'
import { cut } from './raw-client.js'
import { parseResponses } from './response-parser.js'
import { scriptOptions } from './script-options.js'
import type { SeenRequest } from './seen-request.js'
import { strictProblems } from './strict-request.js'
import { parseStrictRequests } from './strict-request-parser.js'

const read = (text: string, methods: readonly string[] = [], closed = false) =>
  parseResponses(Buffer.from(text, 'latin1'), { methods, closed })
const strict = (text: string) => parseStrictRequests(Buffer.from(text, 'latin1'))
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

describe('the response reader', () => {
  it('reads lengths, chunks with trailers, bodiless answers and interim answers on one connection', () => {
    const { responses, problem, rest } = read(
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK' +
        'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n' +
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n',
      ['GET', 'HEAD', 'GET', 'GET'],
    )
    expect(problem).toBeNull()
    expect(rest).toHaveLength(0)
    expect(responses.map((r) => [r.status, r.framing, r.body.toString(), r.complete])).toEqual([
      [200, 'length', 'OK', true],
      [200, 'none', '', true],
      [204, 'none', '', true],
      [200, 'chunked', 'abc', true],
    ])
    expect(responses[0]?.interim).toEqual([100])
    expect(responses[3]?.trailers).toEqual([['X-T', '1']])
  })

  it.each([
    ['two Content-Lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nOK'],
    ['length and chunked', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['two Dates', 'HTTP/1.1 200 OK\r\nDate: x\r\nDate: x\r\nContent-Length: 0\r\n\r\n'],
    ['bare LF', 'HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n'],
    ['bare CR', 'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n'],
    ['204 with a length', 'HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n'],
    ['bytes behind the answer', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOKx'],
    ['chunk without CRLF', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc'],
  ])('reports %s', (_, text) => {
    expect(read(text).problem).not.toBeNull()
  })

  it('does not take a cut answer for a complete one', () => {
    expect(read('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK', [], true).responses[0]?.complete).toBe(
      false,
    )
    expect(
      read('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n', [], true).responses[0]
        ?.complete,
    ).toBe(false)
    expect(read('HTTP/1.1 200 OK\r\n\r\nOK').responses[0]?.complete).toBe(false)
    expect(read('HTTP/1.1 200 OK\r\n\r\nOK', [], true).responses[0]?.complete).toBe(true)
  })
})

describe('the strict request reader', () => {
  it('counts pipelined requests with bodies', () => {
    const reading = strict(
      `POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc${GET}` +
        'POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x="y"\r\nab\r\n0\r\nT: 1\r\n\r\n',
    )
    expect(reading.error).toBeNull()
    expect(reading.requests.map((r) => [r.target, r.body.toString(), r.complete])).toEqual([
      ['/a', 'abc', true],
      ['/', '', true],
      ['/b', 'ab', true],
    ])
  })

  it('stops at Connection: close and at HTTP/1.0 without keep-alive', () => {
    expect(strict(`GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n${GET}`).requests).toHaveLength(1)
    expect(strict(`GET / HTTP/1.0\r\n\r\n${GET}`).requests).toHaveLength(1)
  })

  it.each([
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc'],
    [
      'length and chunked',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['leading zero', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 03\r\n\r\nabc'],
    ['xchunked', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
    ['obs-fold', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n'],
    ['bare LF', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
    ['bare CR', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n'],
    ['space before colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
    ['userinfo in Host', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
    ['a fragment', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['absolute-form', 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ])('lets nothing through after %s', (_, text) => {
    expect(strict(`${text}${GET}`).requests).toEqual([])
    expect(strict(`${text}${GET}`).error).not.toBeNull()
  })

  it.each(['5;a b\r\nhello', 'g\r\nhello', '5 \r\nhello', '+5\r\nhello', '5\nhello', '5\r\nhello!!', '\r\n'])(
    'sees no request behind the broken chunk %j',
    (chunk) => {
      const reading = strict(
        `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}\r\n0\r\n\r\n${GET}`,
      )
      expect(reading.requests.map((r) => r.complete)).toEqual([false])
      expect(reading.error).not.toBeNull()
    },
  )
})

describe('the check of what reached the application', () => {
  const good: SeenRequest = {
    method: 'POST',
    target: '/a?b=%5B',
    host: 'a:80',
    headerBlock: 'host: a:80\r\nx-a: b\r\n',
    contentLength: 3,
    chunks: [Buffer.from('ab'), Buffer.from('c')],
    state: 'complete',
  }

  it('finds nothing in a proper request', () => {
    expect(strictProblems(good)).toEqual([])
    expect(strictProblems({ ...good, contentLength: -2 })).toEqual([])
  })

  it.each<[string, Partial<SeenRequest>]>([
    ['a method off the grammar', { method: 'G@T' }],
    ['a fragment', { target: '/a#b' }],
    ['absolute-form', { target: 'http://a/' }],
    ['a raw bracket', { target: '/a?b=[c]' }],
    ['a space before the colon', { headerBlock: 'host: a:80\r\nx-a : b\r\n' }],
    ['a bare LF', { headerBlock: 'host: a:80\r\nx-a: b\nc: d\r\n' }],
    ['a framing field', { headerBlock: 'host: a:80\r\ncontent-length: 3\r\n' }],
    ['a disguised framing field', { headerBlock: 'host: a:80\r\ntransfer_encoding: chunked\r\n' }],
    ['another Host', { headerBlock: 'host: b\r\n' }],
    ['no Host', { headerBlock: '' }],
    ['a short body', { chunks: [Buffer.from('a')] }],
    ['a long body', { chunks: [Buffer.from('abcd')], state: 'open' }],
  ])('finds %s', (_, change) => {
    expect(strictProblems({ ...good, ...change })).not.toEqual([])
  })
})

describe('the evaluator of recorded cases', () => {
  const table: VerdictTable = {
    none: 'P',
    status: [
      [200, 299, 'FPW'],
      [400, 400, 'P'],
      [401, 599, 'F'],
    ],
  }
  const norm: Http11Case = {
    id: 'X',
    level: 'Must',
    description: '',
    expected: '',
    steps: [],
    verdicts: { Open: { none: 'F', status: [] }, ClosedByServer: table, TimedOut: 'Open' },
    check: { rule: 'norm', value: ['Content-Length', 'Content_Length', '99'] },
  }
  const step = (body: string | null, state: StepResult['state'] = 'ClosedByServer'): StepResult => {
    const text = body === null ? '' : `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    const response = read(text).responses[0] ?? null
    return { status: response?.status ?? null, response, state, statusLines: 1, bytesAfterHead: 0 }
  }

  it('follows aliases and the state of the connection', () => {
    expect(evaluate(norm, [step(null)])).toBe('P')
    expect(evaluate(norm, [step(null, 'TimedOut')])).toBe('F')
    expect(evaluate(norm, [step('x', 'Open')])).toBe('F')
  })

  it('tells a dropped field from a kept and a normalised one', () => {
    expect(evaluate(norm, [step('content-type: 99x\n')])).toBe('P')
    expect(evaluate(norm, [step('content_length: 99\n')])).toBe('W')
    expect(evaluate(norm, [step('content-length: 99\n')])).toBe('F')
  })

  it('fails a connection that stays open, and a second answer, after contradictory framing', () => {
    const { verdicts: _, ...rest } = norm
    expect(evaluate({ ...rest, sequence: 'must-close' }, [step('x', 'Open')])).toBe('F')
    expect(evaluate({ ...rest, sequence: 'must-close' }, [step('x')])).toBe('P')
    expect(evaluate({ ...rest, sequence: 'single-response' }, [{ ...step('x'), statusLines: 2 }])).toBe('F')
  })
})

describe('packet forms', () => {
  it('always hold the same bytes, in one to three pieces', () => {
    const request = 'POST /abc HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello'
    const forms = packetForms(request)
    expect(forms.length).toBeGreaterThan(15)
    expect(new Set(forms.map(({ pieces }) => pieces.length))).toEqual(new Set([1, 2, 3]))
    expect(forms.filter(({ pieces }) => Buffer.concat(pieces).toString() !== request)).toEqual([])
    expect(cut('abc', [2, 1, 1, 9]).map(String)).toEqual(['a', 'b', 'c'])
  })
})

describe('options of the scripts', () => {
  const said: string[] = []
  const read = (...args: readonly string[]) =>
    scriptOptions({ minutes: { type: 'string', default: '10' } }, 'soak [--minutes N]', args, (text) =>
      said.push(text),
    )

  it('what a script does not have is told with its usage', () => {
    expect(read()).toEqual({ minutes: '10' })
    expect(read('--minutes', '3')).toEqual({ minutes: '3' })
    expect(said).toEqual([])
    expect(read('--minuets', '3')).toBeNull()
    expect(read('3')).toBeNull()
    expect(said).toEqual([
      expect.stringMatching(/^Unknown option '--minuets'.*\nusage: soak \[--minutes N\]\n$/),
      expect.stringMatching(/^Unexpected argument '3'.*\nusage: /),
    ])
  })
})
