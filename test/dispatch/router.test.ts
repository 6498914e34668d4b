import { describe, expect, it } from 'vitest'
import type { RouteMatch } from '#src/config/types.js'
import { Router } from '#src/dispatch/index.js'
import { route } from './support/rig.js'

/** Routes in words: `[METHODS] [host]/path`. */
function routes(...texts: string[]): Router {
  return new Router(
    texts.map((text) => {
      const [, methods, host, path = ''] = /^(?:([A-Z,]+) )?([^/ ]*)(\/\S*)$/.exec(text) ?? []
      const match: RouteMatch = {
        host: host === undefined || host === '' ? null : host,
        path,
        methods: methods?.split(',') ?? null,
      }
      return route(match)
    }),
  )
}

describe('a path', () => {
  const router = routes('/exact', '/static/*', '/a/b/*', '/')

  it.each([
    ['/exact', 0],
    ['/exact?x=1', 0],
    ['/exact?', 0],
    ['/exact/', -1],
    ['/exactly', -1],
    ['/Exact', -1],
    ['/static/', 1],
    ['/static/a', 1],
    ['/static/a/b/c?d=/e', 1],
    ['/static', -1],
    ['/static?a=/static/', -1],
    ['/statics/', -1],
    ['/a/b/', 2],
    ['/a/b', -1],
    ['/', 3],
    ['/?q', 3],
    ['*', -1],
  ])('%s is found', (target, index) => {
    expect(router.match('GET', 'example.com', target)).toBe(index)
  })
})

describe('a host', () => {
  const router = routes('example.com/*', '*.example.com/*', '[2001:db8::1]/*', '192.0.2.1/*', '/public/*')

  it.each([
    ['example.com', 0],
    ['example.com:8080', 0],
    ['example.com:', 0],
    ['EXAMPLE.Com', 0],
    ['EXAMPLE.Com:443', 0],
    ['example.com.', 0],
    ['example.com.:80', 0],
    ['a.example.com', 1],
    ['A.B.example.com:1', 1],
    ['a.example.com.', 1],
    ['.example.com', -1],
    ['badexample.com', -1],
    ['example.com.evil.test', -1],
    ['example.org', -1],
    ['[2001:db8::1]', 2],
    ['[2001:DB8::1]:8443', 2],
    ['[2001:db8::2]', -1],
    ['192.0.2.1', 3],
    ['192.0.2.1:80', 3],
    ['192.0.2.10', -1],
    ['', -1],
    ['.', -1],
    [':80', -1],
  ])('%s is found', (host, index) => {
    expect(router.match('GET', host, '/')).toBe(index)
  })

  it.each(['example.org', '', '.', '[::1]'])('%s does not matter to a route without one', (host) => {
    expect(router.match('GET', host, '/public/x')).toBe(4)
  })
})

describe('a method', () => {
  const router = routes('GET,HEAD /*', 'POST example.com/form')

  it.each([
    ['GET', '/form', 0],
    ['HEAD', '/', 0],
    ['POST', '/form', 1],
    ['POST', '/', -1],
    ['DELETE', '/form', -1],
    ['get', '/', -1],
  ])('%s %s is found', (method, target, index) => {
    expect(router.match(method, 'example.com', target)).toBe(index)
  })
})

describe('the order of routes', () => {
  it('decides: the first that matches wins', () => {
    expect(routes('/*', '/a').match('GET', 'x', '/a')).toBe(0)
    expect(routes('/a', '/*').match('GET', 'x', '/a')).toBe(0)
    expect(routes('/b', 'x/*', '/*').match('GET', 'x', '/a')).toBe(1)
    expect(routes('/b', 'x/*', '/*').match('GET', 'y', '/a')).toBe(2)
  })

  it('finds nothing without routes, and everything, also *, with one for all', () => {
    expect(routes().match('GET', 'x', '/')).toBe(-1)
    expect(routes('/*').match('OPTIONS', '', '*')).toBe(0)
  })
})
