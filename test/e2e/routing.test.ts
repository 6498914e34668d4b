import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { arrived, ask, startEchoOrigin } from '../support/echo-origin.js'
import { InProcessGateway } from '../support/gateway.js'
import type { HttpOrigin } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

const filters = compileFilters(new URL('./filters/params.ts', import.meta.url))
afterAll(() => filters.remove())

/** Spellings of `/admin/secret` that some server would take for it. */
const SPELLINGS = [
  '/admin/secret',
  '//admin/secret',
  '/admin//secret',
  '///admin///secret',
  '/./admin/secret',
  '/admin/./secret',
  '/x/../admin/secret',
  '/x/y/../../admin/secret',
  '/admin/x/../secret',
  '/%61dmin/secret',
  '/%61%64%6d%69%6E/secret',
  '/x/%2e%2e/admin/secret',
  '/x/%2E./admin/secret',
  '/x/.%2e/admin/secret',
  '/%2e/admin/secret',
  '/x//../admin/secret',
]
/** What servers disagree about: refused. */
const AMBIGUOUS = [
  '/../admin/secret',
  '/x/../../admin/secret',
  '/%2e%2e/admin/secret',
  '/x/..%2fadmin/secret',
  '/x%2f..%2fadmin/secret',
  '/admin%2fsecret',
  '/admin%2Fsecret',
  '/x/..%5cadmin/secret',
  '/admin%5Csecret',
  '/x/..;/admin/secret',
  '/x/..;a=b/admin/secret',
  '/.;/admin/secret',
  '/admin%00/secret',
  '/admin%0a/secret',
  '/admin%7F/secret',
  '/x/%c0%ae%c0%ae/admin/secret',
  '/x%c0%afadmin',
  '/x/%e0%80%ae/admin/secret',
  '/x/%f0%80%80%af',
]
/** Refused by their grammar (B13), before anything looks at their path. */
const OFF_GRAMMAR = ['http://app.test/admin/secret', '/\\admin/secret', '/admin\\secret', '/%', '/#/admin']

describe.each(ACCEPTOR_KINDS)('routes over %s', (acceptor) => {
  let app: HttpOrigin
  let canary: HttpOrigin
  let gateway: InProcessGateway
  let kept: InProcessGateway
  beforeAll(async () => {
    app = await startEchoOrigin('app')
    canary = await startEchoOrigin('canary')
    const upstreams = { app: { peers: [app.address] }, canary: { peers: [canary.address] } }
    gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      upstreams: { ...upstreams, named: { peers: [canary.address], host: 'upstream' } },
      routes: [
        { match: { path: '/admin/*' }, respond: { status: 403, body: 'no' } },
        { match: { path: '/users/:id/posts/:post' }, upstream: 'app', filters: [filters.path('params')] },
        { match: { path: '/h', headers: { 'X-Beta': { prefix: 'y' } } }, upstream: 'canary' },
        { match: { path: '/h', query: { v: '2', old: false } }, upstream: 'canary' },
        { match: { path: '/img/*.png' }, respond: { status: 200, headers: { 'Content-Type': 'image/png' } } },
        { match: { path: '/old/:id/*' }, redirect: { to: '/new/{id}/{*}{query}', status: 308 } },
        { match: { host: '*.go.test' }, redirect: 'https://{host}{path}{query}' },
        { match: { path: '/any/*' }, redirect: '/{*}' },
        {
          match: { path: '/maintenance' },
          respond: { status: 503, headers: { 'Retry-After': '60' }, body: 'später' },
        },
        {
          match: { path: '/filtered/:x' },
          respond: { status: 200, body: 'own' },
          filters: [filters.path('params')],
        },
        {
          match: { path: '/edited' },
          respond: { body: 'own' },
          filters: [{ use: 'headers', with: { response: { append: { 'X-Edit': '1' } } } }],
        },
        { match: { path: '/api/*' }, upstream: 'app', rewrite: { stripPrefix: '/api', addPrefix: '/v1' } },
        { match: { path: '/item/:id/*' }, upstream: 'app', rewrite: { path: '/i/{*}/{id}' } },
        { match: { path: '/host/upstream' }, upstream: 'named' },
        { match: { path: '/host/fixed' }, upstream: 'named', host: 'fixed.test' },
        { match: { path: '/host/preserve' }, upstream: 'named', host: 'preserve' },
        {
          match: { path: '/split/sticky' },
          split: { upstreams: { app: 50, canary: 50 }, key: 'cookie:sid' },
        },
        {
          match: { path: '/split/weighted' },
          split: { upstreams: { app: 80, canary: 20 }, key: 'header:x-user' },
        },
        { match: { path: '/split/none' }, split: { upstreams: { app: 1, canary: 0 } } },
        { match: { path: '/*' }, upstream: 'app' },
      ],
    })
    kept = await InProcessGateway.start({
      acceptor,
      workers: 1,
      paths: { slashes: 'keep', ambiguous: 'keep' },
      upstreams: { app: { peers: [app.address] } },
      routes: [
        { match: { path: '/admin/*' }, respond: { status: 403 } },
        { match: { path: '/any/*' }, redirect: '/{*}' },
        { upstream: 'app' },
      ],
    })
  })
  afterAll(async () => {
    await gateway.close()
    await kept.close()
    await app.close()
    await canary.close()
  })

  it.each(SPELLINGS)('B14 %s is the path that the route guards', async (path) => {
    expect((await ask(gateway.port, `GET ${path}`)).status).toBe(403)
    expect((await ask(gateway.port, `GET ${path}?x=/../`)).status).toBe(403)
  })

  it.each(AMBIGUOUS)('B14 %s is ambiguous: 400', async (path) => {
    const before = app.requests
    const answer = await ask(gateway.port, `GET ${path}`)
    expect(answer.status).toBe(400)
    expect(app.requests).toBe(before)
  })

  it.each(OFF_GRAMMAR)('B13 %s is refused', async (path) => {
    const before = app.requests
    const client = await RawClient.connect(gateway.port)
    await client.send(`GET ${path} HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n`)
    await client.untilClosed()
    // uWS closes on what it cannot parse, with 505 or with nothing.
    for (const { status } of client.responses().responses) expect([400, 505]).toContain(status)
    await client.destroy()
    expect(app.requests).toBe(before)
  })

  it.each([
    ['/a/./b/../c//d?x=/./y//z', '/a/c/d?x=/./y//z'],
    ['/caf%c3%a9/%7euser', '/caf%C3%A9/~user'],
    ['/a/b/..', '/a/'],
    ['/a/b/.', '/a/b/'],
    ['/a;x=1/b', '/a;x=1/b'],
    ['/100%25/%252e', '/100%25/%252e'],
    ['/.well-known/x', '/.well-known/x'],
  ])('B14 %s reaches the upstream as %s', async (sent, wanted) => {
    expect((await arrived(gateway.port, `GET ${sent}`)).target).toBe(wanted)
  })

  it('B14 what is kept is no separator, and sent on as it is', async () => {
    for (const path of ['/x/..%2Fadmin/secret', '/x//admin/secret', '/x/..;/admin', '/a%5Cb', '/a//b']) {
      expect((await arrived(kept.port, `GET ${path}`)).target).toBe(path)
    }
    expect((await ask(kept.port, 'GET /../admin/x')).status).toBe(403)
  })

  it('a filter sees the parameters as they stand in the path', async () => {
    const answer = await ask(gateway.port, 'GET /users/a%20b/posts/7?id=3')
    expect(JSON.parse(answer.header('x-params') ?? '')).toEqual({ id: 'a%20b', post: '7' })
    expect((await ask(gateway.port, 'GET /users//posts/7')).header('x-params')).toBeNull()
  })

  it('routes by header and by query', async () => {
    const to = async (lines: string): Promise<string> => (await arrived(gateway.port, lines)).origin
    expect(await to('GET /h\nX-Beta: yes')).toBe('canary')
    expect(await to('GET /h\nX-Beta: no')).toBe('app')
    expect(await to('GET /h?v=2')).toBe('canary')
    expect(await to('GET /h?%76=%32')).toBe('canary')
    expect(await to('GET /h?v=2&old')).toBe('app')
    expect(await to('GET /h?v=1&v=2')).toBe('app')
  })

  it('answers of routes come without a worker and keep the connection', async () => {
    const client = await RawClient.connect(gateway.port)
    await client.send('GET /maintenance HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.readResponses(1)
    await client.send('HEAD /maintenance HTTP/1.1\r\nHost: a\r\n\r\n')
    const { responses } = await client.readResponses(2, ['GET', 'HEAD'])
    expect(responses.map(({ status }) => status)).toEqual([503, 503])
    expect(responses[0]?.header('retry-after')).toBe('60')
    expect(responses[0]?.header('content-type')).toBe('text/plain; charset=utf-8')
    expect(Buffer.from(responses[0]?.body ?? '').toString('utf8')).toBe('später')
    expect(responses[1]?.header('content-length')).toBe('7')
    expect(client.closed).toBe(false)
    await client.destroy()
    expect((await ask(gateway.port, 'GET /img/a.png')).header('content-type')).toBe('image/png')
    expect((await arrived(gateway.port, 'GET /img/a/b.png')).origin).toBe('app')
  })

  it('the filters of such a route see its answer, and the built-in header edits are made', async () => {
    const filtered = await ask(gateway.port, 'GET /filtered/1')
    expect([filtered.status, filtered.header('x-params')]).toEqual([200, '{"x":"1"}'])
    expect((await ask(gateway.port, 'GET /edited')).header('x-edit')).toBe('1')
  })

  it.each([
    ['GET /old/7/a/b?x=1&y', 'app.test', 308, '/new/7/a/b?x=1&y'],
    ['GET /x%20y?z', 'Shop.go.test:8080', 302, 'https://shop.go.test/x%20y?z'],
    ['GET /any//evil.test/', 'app.test', 302, '/evil.test/'],
    ['GET /any/%0d%0aSet-Cookie:x', 'app.test', 400, null],
  ])('redirects %s of %s', async (line, host, status, location) => {
    const answer = await ask(gateway.port, line, host)
    expect([answer.status, answer.header('location')]).toEqual([status, location])
  })

  it('a redirect leads to no other site, whatever the path holds', async () => {
    for (const rest of ['/evil.test', '//evil.test', '%2Fevil.test', '%5Cevil.test', 'http://evil.test'])
      expect((await ask(kept.port, `GET /any/${rest}`)).header('location')).toMatch(/^\/(?![/\\])/)
  })

  it('rewrites paths and keeps the query', async () => {
    const target = async (path: string): Promise<string> =>
      (await arrived(gateway.port, `GET ${path}`)).target
    expect(await target('/api/users?x=/api')).toBe('/v1/users?x=/api')
    expect(await target('/api/')).toBe('/v1/')
    expect(await target('/apix/users')).toBe('/apix/users')
    expect(await target('/item/7/a/b?q')).toBe('/i/a/b/7?q')
  })

  it('tells the upstream the Host that it should', async () => {
    const host = async (path: string) => (await arrived(gateway.port, `GET ${path}`)).fields
    expect((await host('/host/upstream'))['host']).toEqual([canary.address])
    expect((await host('/host/fixed'))['host']).toEqual(['fixed.test'])
    expect((await host('/host/preserve'))['host']).toEqual(['app.test'])
    expect((await host('/host/fixed'))['x-forwarded-host']).toEqual(['app.test'])
  })

  it('a split keeps who has a key where it is, and spreads keys by weight', async () => {
    const first = (await arrived(gateway.port, 'GET /split/sticky\nCookie: a=b; sid=42')).origin
    for (let i = 0; i < 5; i += 1)
      expect((await arrived(gateway.port, `GET /split/sticky\nCookie: sid=42; n=${i}`)).origin).toBe(first)
    const counts: Record<string, number> = { app: 0, canary: 0 }
    for (let i = 0; i < 300; i += 1) {
      const { origin } = await arrived(gateway.port, `GET /split/weighted\nX-User: user-${i}`)
      counts[origin] = (counts[origin] ?? 0) + 1
    }
    // 60 ± 7 is one standard deviation; the keys are fixed, so this either always holds or never.
    expect(counts['canary']).toBeGreaterThan(39)
    expect(counts['canary']).toBeLessThan(81)
    for (let i = 0; i < 5; i += 1) expect((await arrived(gateway.port, 'GET /split/none')).origin).toBe('app')
  })
})
