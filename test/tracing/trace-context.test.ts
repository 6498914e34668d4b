import { describe, expect, it } from 'vitest'
import { Headers } from '#src/session/headers.js'
import { Tracer } from '#src/tracing/index.js'
import { cleanTraceState, parseTraceParent } from '#src/tracing/trace-context.js'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

describe('traceparent (W3C Trace Context 3.2)', () => {
  it.each([
    ['00', `00-${TRACE}-${SPAN}-01`, true],
    ['unknown flags', `00-${TRACE}-${SPAN}-fe`, false],
    ['a later version', `cc-${TRACE}-${SPAN}-01`, true],
    ['a later version with more', `cc-${TRACE}-${SPAN}-01-what-the-future`, true],
  ])('is understood: %s', (_, value, sampled) => {
    expect(parseTraceParent(value)).toEqual({ traceId: TRACE, spanId: SPAN, sampled })
  })

  it.each([
    '',
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `cc-${TRACE}-${SPAN}-01.more`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}x-${SPAN}-01`,
  ])('is not believed: %s', (value) => {
    expect(parseTraceParent(value)).toBeNull()
  })
})

describe('tracestate (3.3)', () => {
  it('keeps members, and loses empty ones', () => {
    expect(cleanTraceState(' a=1 , ,t@v=x y, b= 2')).toBe('a=1,t@v=x y,b= 2')
  })

  it('is dropped when a member is invalid or stands there twice', () => {
    for (const value of ['A=1', 'a', 'a=1,a=2', 'a=\u0007', `${'x'.repeat(257)}=1`])
      expect(cleanTraceState(value)).toBe('')
  })

  it('is cut behind 32 members and 512 bytes', () => {
    const many = Array.from({ length: 40 }, (_, i) => `k${i}=v`)
    expect(cleanTraceState(many.join(','))).toBe(many.slice(0, 32).join(','))
    const long = [`a=${'x'.repeat(250)}`, `b=${'y'.repeat(250)}`, `c=${'z'.repeat(10)}`]
    expect(cleanTraceState(long.join(','))).toBe(long.slice(0, 2).join(','))
  })
})

describe('a trace', () => {
  const incoming = new Headers(
    `traceparent: 00-${TRACE}-${SPAN}-01\r\ntracestate: a=1\r\ntracestate: b=2\r\n`,
  )

  it('is carried on, with a new span for each attempt', () => {
    const trace = new Tracer({ acceptIncoming: true, sampleShare: 0 }).begin(incoming)
    expect(trace).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, sampled: true })
    const seen = [1, 2].map((start) => {
      const headers = incoming.clone()
      trace.beginAttempt(headers, 'peer', 80, start)
      expect(headers.get('tracestate')).toBe('a=1,b=2')
      return headers.getAll('traceparent').join()
    })
    for (const value of seen) expect(value).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`))
    const spans = new Set([...seen.map((value) => value.slice(36, 52)), trace.spanId, SPAN])
    expect(spans.size).toBe(4)
    expect(trace.attempts.map(({ endMs }) => endMs)).toEqual([2, -1])
  })

  it('begins anew for what is invalid, doubled or not to be believed', () => {
    const doubled = new Headers(
      `traceparent: 00-${TRACE}-${SPAN}-01\r\ntraceparent: 00-${TRACE}-${SPAN}-01\r\n`,
    )
    const invalid = new Headers('traceparent: 00-xyz\r\ntracestate: a=1\r\n')
    for (const [headers, acceptIncoming] of [
      [doubled, true],
      [invalid, true],
      [incoming, false],
    ] as const) {
      const trace = new Tracer({ acceptIncoming, sampleShare: 1 }).begin(headers)
      expect(trace).toMatchObject({ parentSpanId: '', sampled: true, state: '' })
      expect(trace.traceId).not.toBe(TRACE)
      const outgoing = headers.clone()
      trace.beginAttempt(outgoing, 'peer', 80, 1)
      expect(outgoing.get('tracestate')).toBeNull()
    }
  })

  it('is sampled by its share when it begins here', () => {
    const draws = [0.05, 0.2]
    const tracer = new Tracer({ acceptIncoming: true, sampleShare: 0.1 }, () => draws.shift() ?? 1)
    expect([tracer.begin(new Headers()).sampled, tracer.begin(new Headers()).sampled]).toEqual([true, false])
  })
})
