import { describe, expect, it } from 'vitest'
import { describeSession } from '#src/session/describe.js'
import { newSession, sessionWith } from './support.js'

describe('describeSession', () => {
  it('A-19 prints the request without its query', () => {
    expect(describeSession(sessionWith('GET', '/ads/v1?x=1'))).toBe('Request: GET /ads/v1\n')
  })

  it('prints nothing of a session without a request', () => {
    expect(describeSession(newSession())).toBe('')
  })

  it('A-54, A-55 prints the peer and its health', () => {
    const session = sessionWith('GET', '/')
    session.upstreamPeer = { address: '10.0.0.7', port: 8080, healthStatus: 'healthy' }
    expect(describeSession(session)).toBe('Request: GET /\nUpstream: 10.0.0.7:8080\nPeer health: healthy\n')
  })

  it('A-54 puts IPv6 in brackets', () => {
    const session = sessionWith('GET', '/')
    session.upstreamPeer = { address: '2001:db8::1', port: 80, healthStatus: 'unknown' }
    expect(describeSession(session)).toContain('Upstream: [2001:db8::1]:80\n')
  })

  it.each(['healthy', 'unhealthy', 'unknown', 'maintenance'] as const)(
    'A-55 prints the tag %s',
    (healthStatus) => {
      const session = sessionWith('GET', '/')
      session.upstreamPeer = { address: 'a', port: 1, healthStatus }
      expect(describeSession(session)).toContain(`Peer health: ${healthStatus}\n`)
    },
  )

  it('A-56 prints nothing without a peer', () => {
    expect(describeSession(sessionWith('GET', '/'))).not.toMatch(/Upstream|Peer/)
  })

  it('A-40 prints the upstream latency once both ends are known', () => {
    const session = sessionWith('GET', '/')
    session.timing.upstreamConnect = 100
    expect(describeSession(session)).toBe('Request: GET /\n')
    session.timing.upstreamResponseEnd = 142
    expect(describeSession(session)).toBe('Request: GET /\nUpstream latency: 42ms\n')
    session.timing.upstreamConnect = null
    expect(describeSession(session)).toBe('Request: GET /\n')
  })

  it('A-41 prints the total time once the answer was sent', () => {
    const session = sessionWith('GET', '/')
    session.timing.responseSent = 1050.4
    expect(describeSession(session)).toBe('Request: GET /\nTotal request time: 50ms\n')
  })
})
