import { describe, expect, it } from 'vitest'
import { decideConsent, FrozenInstanceError, NO_SIGNALS, SessionContext } from '#src/ads/index.js'

const EXTRAS = {
  userId: 'u1',
  deviceId: 'd1',
  ipAddress: '203.0.113.7',
  userAgent: 'UA',
  contentUrl: 'https://example.com/v',
  consent: decideConsent(NO_SIGNALS),
  metadata: { pod: { size: 2 }, tags: ['a', 'b'] },
} as const

describe('SessionContext with extras (C-01)', () => {
  it('C-01 keeps what it is given, and has no field that was not given', () => {
    const context = SessionContext.create(EXTRAS)
    expect(context).toMatchObject({ userId: 'u1', deviceId: 'd1', metadata: { pod: { size: 2 } } })
    expect(Object.keys(SessionContext.create({ userId: 'u1' })).sort()).toEqual([
      'cachebusting',
      'cookies',
      'correlator',
      'requestId',
      'timestamp',
      'userId',
    ])
  })

  it('C-01, B-20 is immutable at every depth, and not aliased', () => {
    const metadata = { pod: { size: 2 } }
    const context = SessionContext.create({ metadata, consent: EXTRAS.consent })
    metadata.pod.size = 9
    expect(context.metadata).toEqual({ pod: { size: 2 } })
    const pod = context.metadata?.['pod'] as { size: number }
    expect(() => {
      pod.size = 3
    }).toThrow(FrozenInstanceError)
    const allowed = context.consent?.allowed as { useIds: boolean }
    expect(() => {
      allowed.useIds = false
    }).toThrow("cannot assign to field 'useIds'")
    expect(() => (context.metadata as Record<string, unknown>)['x']).not.toThrow()
    expect(() => delete (context as { userId?: string }).userId).toThrow("cannot delete field 'userId'")
  })

  it('C-01 with() gives a new frozen context of the same request', () => {
    const context = SessionContext.create({ ...EXTRAS, cookies: { user_id: 'a' } })
    const other = context.with({ userId: 'u2', deviceId: undefined, cookies: { user_id: 'b' } })
    expect(other).not.toBe(context)
    expect(other).toMatchObject({
      userId: 'u2',
      correlator: context.correlator,
      requestId: context.requestId,
      cachebusting: context.cachebusting,
      timestamp: context.timestamp,
      userAgent: 'UA',
    })
    expect('deviceId' in other).toBe(false)
    expect(other.cookies['user_id']).toBe('b')
    expect(context.cookies['user_id']).toBe('a')
    expect(() => Object.assign(other, { userId: 'x' })).toThrow(FrozenInstanceError)
  })

  it('B-19 crosses a thread as JSON with all extras, immutable again', () => {
    const context = SessionContext.create(EXTRAS)
    const copy = SessionContext.fromJSON(structuredClone(context.toJSON()))
    expect(copy.toJSON()).toEqual(context.toJSON())
    expect(context.toJSON()).toMatchObject({ user_id: 'u1', ip_address: '203.0.113.7' })
    expect(() => Object.assign(copy.metadata ?? {}, { x: 1 })).toThrow(FrozenInstanceError)
  })

  it('refuses what is not plain data, by name', () => {
    const metadata = { when: new Date() } as never
    expect(() => SessionContext.create({ metadata })).toThrow("'metadata.when' must be plain data")
    expect(() => SessionContext.create({ userId: 7 as never })).toThrow("'user_id' must be a string")
  })
})
