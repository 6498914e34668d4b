import { describe, expect, it } from 'vitest'
import type { Filter } from '#src/lifecycle/index.js'
import { overloaded, workerLost } from '#src/lifecycle/index.js'
import { errorResponse } from '#src/session/error-response.js'
import {
  GatewayError,
  InvalidRequest,
  MaxRetriesExceeded,
  NoPeerAvailable,
  REASONS,
  SessionClosed,
} from '#src/session/errors.js'
import { connectionClosed, connectionRefused, testFilter } from '#src/testing/index.js'
import {
  bodyTimeout,
  connectError,
  connectTimeout,
  headersTimeout,
  invalidResponse,
  requestTimeout,
} from '#src/upstream/http1/upstream-errors.js'

const code = (name: string): Error => Object.assign(new Error(name), { code: name })

/** What an attempt can fail with, what the client gets for it, and the token of RFC 9209. */
const UPSTREAM: [GatewayError, status: number, token: string][] = [
  [connectionRefused(), 502, 'connection_refused'],
  [connectError(code('EHOSTUNREACH'), false), 502, 'destination_ip_unroutable'],
  [connectError(code('ENOTFOUND'), false), 502, 'dns_error'],
  [connectError(code('CERT_HAS_EXPIRED'), true), 502, 'tls_certificate_error'],
  [connectTimeout(true), 504, 'connection_timeout'],
  [connectTimeout(false), 504, 'dns_timeout'],
  [headersTimeout(), 504, 'http_response_timeout'],
  [bodyTimeout(), 504, 'connection_read_timeout'],
  [requestTimeout(true), 504, 'connection_write_timeout'],
  [requestTimeout(false), 408, 'http_request_error'],
  [connectionClosed(), 502, 'connection_terminated'],
  [invalidResponse('bad', 'http_protocol_error'), 502, 'http_protocol_error'],
  [invalidResponse('large', 'http_response_header_section_size'), 502, 'http_response_header_section_size'],
]

/** What a hook can throw. */
const THROWN: [unknown, status: number, token: string][] = [
  [new InvalidRequest('bad'), 400, 'http_request_error'],
  [new InvalidRequest('large', { status: 413 }), 413, 'http_request_error'],
  [new SyntaxError('json'), 400, 'http_request_error'],
  [new NoPeerAvailable('app'), 503, 'destination_unavailable'],
  [new MaxRetriesExceeded(4, connectionRefused()), 502, 'connection_refused'],
  [new MaxRetriesExceeded(4), 502, 'destination_unavailable'],
  [new SessionClosed(), 500, 'proxy_internal_error'],
  [new Error('boom'), 500, 'proxy_internal_error'],
  ['text', 500, 'proxy_internal_error'],
]

describe('D9, C-18', () => {
  it.each(UPSTREAM)('%s of an attempt gives %d %s', async (error, status, token) => {
    const answer = await testFilter([], {
      maxRetries: 0,
      upstream: () => {
        throw error
      },
    }).request()
    expect(answer.status).toBe(status)
    expect(answer.headers.getAll('proxy-status')).toEqual([`headgate; error=${token}`])
    expect(answer.error?.reason).toBe(token)
  })

  it.each(THROWN)('%s of a filter gives %d %s', async (error, status, token) => {
    const filter: Filter = {
      name: 'f',
      requestFilter: () => {
        throw error
      },
    }
    const answer = await testFilter(filter).request()
    expect(answer.status).toBe(status)
    expect(answer.headers.getAll('proxy-status')).toEqual([`headgate; error=${token}`])
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '1' : null)
  })

  it('a reject gives its status, and http_request_denied', async () => {
    const answer = await testFilter({
      name: 'f',
      requestFilter: () => ({ kind: 'reject', status: 401, reason: 'no' }),
    }).request()
    expect(answer.status).toBe(401)
    expect(answer.headers.get('proxy-status')).toBe('headgate; error=http_request_denied')
  })

  it('overload gives 503, a lost worker 502', () => {
    expect(overloaded()).toMatchObject({ status: 503, reason: 'connection_limit_reached' })
    expect(workerLost()).toMatchObject({ status: 502, reason: 'proxy_internal_error' })
  })

  it('all reasons are tokens of RFC 9209', () => {
    for (const [error, , token] of UPSTREAM) {
      expect(REASONS).toContain(token)
      expect(error.reason).toBe(token)
    }
  })
})

describe('the error document', () => {
  it('is JSON with error, status, message, request_id and timestamp, and not to be stored', () => {
    const made = errorResponse(502, 'connection_refused', 'the upstream could not be reached', 'req-1')
    const document = JSON.parse(Buffer.from(made.body).toString()) as Record<string, unknown>
    expect(Object.keys(document)).toEqual(['error', 'status', 'message', 'request_id', 'timestamp'])
    expect(document).toMatchObject({
      error: 'bad_gateway',
      status: 502,
      message: 'the upstream could not be reached',
      request_id: 'req-1',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    })
    expect(made.headerBlock).toContain('cache-control: no-store\r\n')
    expect(made.headerBlock).toContain('content-type: application/json\r\n')
  })

  it('to HEAD is its head alone', async () => {
    const answer = await testFilter([], { peers: 0 }).request({ method: 'HEAD' })
    expect([answer.status, answer.body.length]).toEqual([503, 0])
    expect(answer.contentLength).toBeGreaterThan(50)
  })

  it('a GatewayError of the package keeps its class for those who catch it', () => {
    expect(new MaxRetriesExceeded(1)).toBeInstanceOf(GatewayError)
  })
})
