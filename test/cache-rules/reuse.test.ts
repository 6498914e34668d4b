import { describe, expect, it } from 'vitest'
import {
  ageS,
  isErrorStatus,
  mayServeOnError,
  NO_DIRECTIVES,
  parseCacheControl,
  requestControl,
  suitsAuthorization,
  verdict,
} from '#src/cache/rules/index.js'
import { FLAG_PURGED } from '#src/cache/store/index.js'
import { entry, fields, NOON_MS } from './support.js'

const at = (s: number): number => NOON_MS + s * 1000
const stored = (control: string, more: Record<string, string> = {}) =>
  entry({ 'cache-control': control, ...more })
const judge = (control: string, request: string, s: number): string =>
  verdict(stored(control, { etag: '"a"' }), parseCacheControl(request), at(s))

describe('reuse of a stored answer (RFC 9111 §4)', () => {
  it('§4.2: fresh as long as its age is below its lifetime, to the millisecond', () => {
    const head = stored('max-age=10')
    expect(verdict(head, NO_DIRECTIVES, at(9.999))).toBe('fresh')
    expect(verdict(head, NO_DIRECTIVES, at(10))).toBe('expired')
  })
  it('Age is exact to the second', () => {
    const head = stored('max-age=10', { age: '3' })
    expect([0, 0.999, 1, 6.5].map((s) => ageS(head, at(s)))).toEqual([3, 3, 4, 9])
    expect(ageS(stored('max-age=10'), at(-5))).toBe(0)
  })
  it.each(['no-cache', 'max-age=0', 'max-age=4', 'min-fresh=6', 'no-cache=x'])(
    '§5.2.1: a request with %s wants it validated at an age of 5 s',
    (request) => expect(judge('max-age=10', request, 5)).toBe('request'),
  )
  it.each(['max-age=5', 'max-age=6', 'min-fresh=5', 'max-stale', 'no-transform', ''])(
    '§5.2.1: a request with %j does not',
    (request) => expect(judge('max-age=10', request, 5)).toBe('fresh'),
  )
  it('max-age=0 is a wish also within the first second', () => {
    expect(judge('max-age=10', 'max-age=0', 0.2)).toBe('request')
  })
  it('§5.2.1.2: max-stale accepts that much staleness', () => {
    expect(judge('max-age=10', 'max-stale=5', 15)).toBe('stale')
    expect(judge('max-age=10', 'max-stale=5', 15.1)).toBe('expired')
    expect(judge('max-age=10', 'max-stale', 9999)).toBe('stale')
  })
  it.each(['must-revalidate', 'proxy-revalidate', 's-maxage=10'])('§4.2.4: but not against %s', (word) => {
    expect(judge(`max-age=10, ${word}`, 'max-stale', 15)).toBe('expired')
  })
  it('§5.2.2.4: no-cache is never served without validation', () => {
    expect(judge('max-age=10, no-cache', '', 0)).toBe('expired')
    expect(judge('max-age=10, no-cache', 'max-stale', 0)).toBe('expired')
  })
  it('RFC 8246: what is immutable is not validated for a reload while it is fresh, but for no-cache', () => {
    expect(judge('max-age=10, immutable', 'max-age=0', 5)).toBe('fresh')
    expect(judge('max-age=10, immutable', 'no-cache', 5)).toBe('request')
    expect(judge('max-age=10, immutable', 'max-age=0', 11)).toBe('request')
  })
  it('§5.4: Pragma counts where there is no Cache-Control', () => {
    expect(requestControl(fields({ pragma: 'no-cache' })).noCache).toBe(true)
    expect(requestControl(fields({ pragma: 'no-cache', 'cache-control': 'max-age=9' })).noCache).toBe(false)
    expect(requestControl(fields({}))).toEqual(NO_DIRECTIVES)
  })
  it('RFC 5861 §3: within its window it is served while it is validated', () => {
    expect(judge('max-age=10, stale-while-revalidate=5', '', 14.9)).toBe('stale-while-revalidate')
    expect(judge('max-age=10, stale-while-revalidate=5', '', 15)).toBe('expired')
    expect(judge('max-age=10, stale-while-revalidate=5', 'max-age=3', 12)).toBe('request')
    expect(judge('max-age=10, stale-while-revalidate=5', 'min-fresh=1', 12)).toBe('expired')
  })
  it('a soft purge makes it stale, the windows stay', () => {
    const purge = (control: string) => {
      const head = stored(control)
      return { ...head, flags: head.flags | FLAG_PURGED }
    }
    expect(verdict(purge('max-age=10'), NO_DIRECTIVES, at(1))).toBe('expired')
    expect(verdict(purge('max-age=10, stale-while-revalidate=5'), NO_DIRECTIVES, at(1))).toBe(
      'stale-while-revalidate',
    )
    expect(verdict(purge('max-age=10'), parseCacheControl('max-stale'), at(1))).toBe('expired')
  })
  it('§3.5: a request with Authorization gets only what is meant for all', () => {
    expect(suitsAuthorization(stored('max-age=9'), true)).toBe(false)
    expect(suitsAuthorization(stored('max-age=9, public'), true)).toBe(true)
    expect(suitsAuthorization(stored('max-age=9'), false)).toBe(true)
  })
})

describe('stale in place of an error (RFC 5861 §4)', () => {
  const serves = (control: string, s: number, request = ''): boolean =>
    mayServeOnError(stored(control, { etag: '"a"' }), parseCacheControl(request), at(s))

  it('within the window of the answer only', () => {
    expect(serves('max-age=10, stale-if-error=5', 14)).toBe(true)
    expect(serves('max-age=10, stale-if-error=5', 15)).toBe(false)
    expect(serves('max-age=10', 11)).toBe(false)
  })
  it('or of the request', () => {
    expect(serves('max-age=10', 14, 'stale-if-error=5')).toBe(true)
    expect(serves('max-age=10, s-maxage=10', 14, 'stale-if-error=5')).toBe(false)
  })
  it('never against must-revalidate or no-cache', () => {
    expect(serves('max-age=10, must-revalidate, stale-if-error=5', 11)).toBe(false)
    expect(serves('max-age=10, must-revalidate', 11, 'stale-if-error=5')).toBe(false)
    expect(serves('no-cache, stale-if-error=5', 0)).toBe(false)
  })
  it('what is fresh and was only to be validated for max-age; but not for no-cache', () => {
    expect(serves('max-age=10', 5, 'max-age=1')).toBe(true)
    expect(serves('max-age=10', 5, 'no-cache')).toBe(false)
  })
  it('errors are 500, 502, 503 and 504', () => {
    expect([499, 500, 501, 502, 503, 504, 505].filter(isErrorStatus)).toEqual([500, 502, 503, 504])
  })
})
