import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { covers } from '#src/config/match.js'
import type { RouteMatch } from '#src/config/types.js'
import { Router } from '#src/dispatch/index.js'
import { PatternError, parsePathPattern, pathParams } from '#src/routing/index.js'
import { route } from '../dispatch/support/rig.js'

const routes = (...paths: string[]): Router => new Router(paths.map((path) => route({ path })))
const find = (router: Router, path: string): number => router.match('GET', 'a', path)

describe('path patterns', () => {
  it.each([
    ['/users/:id', '/users/7', true],
    ['/users/:id', '/users/', false],
    ['/users/:id', '/users/7/', false],
    ['/users/:id', '/users', false],
    ['/users/:id/*', '/users/7/', true],
    ['/users/:id/*', '/users/7/a/b', true],
    ['/users/:id/*', '/users/7', false],
    ['/:a/:b', '/x/y', true],
    ['/v:x', '/v:x', true],
    ['/v:x', '/v1', false],
    ['/*.png', '/a.png', true],
    ['/*.png', '/.png', true],
    ['/*.png', '/a/b.png', false],
    ['/a*b*c', '/a1b2c', true],
    ['/a*b*c', '/abc', true],
    ['/a*b*c', '/acb', false],
    ['/ab*ba', '/aba', false],
    ['/a/*/c', '/a/b/c', true],
    ['/a/*/c', '/a//c', false],
    ['/a/*/c', '/a/b/b/c', false],
    ['/a/**/z', '/a/z', true],
    ['/a/**/z', '/a/b/c/z', true],
    ['/a/**/z', '/a/b/c/z/y', false],
    ['/**/x/**/y', '/x/1/x/2/y', true],
    ['/**/x/**/y', '/y/x', false],
    ['/a/**/b/*', '/a/1/2/b/', true],
    ['/a/**/b/*', '/a/1/2/b', false],
    ['/caf%c3%a9', '/caf%C3%A9', true],
    ['/%61', '/a', true],
  ])('%s on %s: %s', (pattern, path, matches) => {
    expect(find(routes(pattern), path)).toBe(matches ? 0 : -1)
  })

  it.each(['/:', '/:1', '/::a', '/:a/:a', '/a**', '/**', '/a/**', '/**/:id', '/:a-b'])(
    'refuses %s',
    (pattern) => {
      expect(() => parsePathPattern(pattern)).toThrow(PatternError)
    },
  )

  it('B18 gives parameters without a prototype', () => {
    const params = pathParams(parsePathPattern('/:constructor/:b/*'), '/x%2F/y/z/w')
    expect({ ...params }).toEqual({ constructor: 'x%2F', b: 'y', '*': 'z/w' })
    expect(Object.getPrototypeOf(params)).toBeNull()
  })

  it('B18 no pattern is slow', () => {
    const router = routes(`/${'a*'.repeat(40)}b`, `/${'**/a/'.repeat(20)}b`)
    const startMs = performance.now()
    expect(find(router, `/${'a'.repeat(8000)}`)).toBe(-1)
    expect(find(router, `/${'a/'.repeat(4000)}c`)).toBe(-1)
    expect(performance.now() - startMs).toBeLessThan(1000)
  })
})

const SEGMENTS = ['a', 'b', 'ab', ':x', ':y', 'a*', '*b', '*', '**'] as const
const pattern = fc
  .tuple(fc.array(fc.constantFrom(...SEGMENTS), { maxLength: 4 }), fc.boolean())
  .map(([segments, rest]) => `/${[...segments, ...(rest ? ['*'] : [])].join('/')}`)
  .filter((text) => {
    try {
      parsePathPattern(text)
      return true
    } catch {
      return false
    }
  })
const path = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'aab', ''), { maxLength: 5 })
  .map((segments) => `/${segments.join('/')}`)
const host = fc.constantFrom(null, 'x.test', '*.test', '*.x.test')

/** The same pattern as a regular expression, which need not be fast here. */
function expression(text: string): RegExp {
  const { segments, rest } = parsePathPattern(text)
  const parts = segments.map((segment) => {
    if (segment.kind === 'literal') return `/${segment.text}`
    if (segment.kind === 'param') return '/[^/]+'
    if (segment.kind === 'deep') return '(?:/[^/]*)*'
    return `/(?=[^/])${segment.parts.join('[^/]*')}`
  })
  return new RegExp(`^${parts.join('')}${rest ? '/.*' : ''}$`)
}

describe('the router', () => {
  it('finds the first of all that match, as if it tried them one by one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(pattern, host), { minLength: 1, maxLength: 12 }),
        path,
        fc.constantFrom('x.test', 'y.x.test', 'test', 'other'),
        (list, asked, name) => {
          const matches: Partial<RouteMatch>[] = list.map(([text, wanted]) => ({ path: text, host: wanted }))
          const wanted = list.findIndex(
            ([text, wantedHost]) =>
              expression(text).test(asked) &&
              (wantedHost === null ||
                wantedHost === name ||
                (wantedHost[0] === '*' && name.endsWith(wantedHost.slice(1)))),
          )
          expect(new Router(matches.map(route)).match('GET', name, asked)).toBe(wanted)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  it('calls a route unreachable only if it is', () => {
    fc.assert(
      fc.property(
        pattern,
        pattern,
        fc.array(path, { minLength: 20, maxLength: 20 }),
        (first, second, asked) => {
          if (
            !covers({ host: null, path: first, methods: null }, { host: null, path: second, methods: null })
          )
            return
          const router = routes(first, second)
          for (const one of asked) expect(find(router, one)).not.toBe(1)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
