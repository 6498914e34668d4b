import { createPrivateKey } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { METHODS } from '#src/acceptor/guard/methods.js'
import type { FilterRef } from '#src/config/index.js'
import { covers, ROUTE_METHODS } from '#src/config/match.js'
import { packageEntry } from '#src/config/package-entry.js'
import { tlsFixture } from '../support/tls-fixtures.js'
import { folderWith, load, MINIMAL, problemsOf } from './support.js'

const fixture = (name: string) => tlsFixture(name).pem
const CA = fixture('authority.crt')
const CERT = fixture('client.crt')
const KEY = fixture('client.key')

describe('the effective config', () => {
  it('has every default, with units in the names', async () => {
    const { config } = await load({ 'headgate.yaml': MINIMAL })
    expect(config).toEqual({
      file: expect.stringMatching(/headgate\.yaml$/),
      listen: { host: '127.0.0.1', port: 8080 },
      admin: { host: '127.0.0.1', port: 9901 },
      workers: { count: 3, reason: 'auto: 4 cores, one for the acceptor' },
      acceptor: 'auto',
      limits: {
        headerBytes: 16_384,
        headerCount: 100,
        targetBytes: 8192,
        bodyBytes: 0,
        webSocketMessageBytes: 16_777_216,
        webSocketCompressedBytes: 0,
        bufferedBodyBytes: 1_048_576,
        connections: 10_000,
        connectionsPerAddress: 0,
        sessionsPerWorker: 4096,
        filterMs: 30_000,
      },
      client: { idleMs: 10_000, bodyMs: 10_000, writeMs: 30_000, chunked: 'close' },
      forwarding: {
        forwarded: 'x-forwarded',
        trustedProxies: [],
        trustedFields: 'x-forwarded',
        keepRequestId: false,
        name: 'headgate',
        maxPasses: 5,
        cdnLoop: null,
      },
      paths: { slashes: 'merge', ambiguous: 'reject' },
      overload: { queueSessions: 1024, queueMs: 1000, memoryBytes: 0, lagMs: 0 },
      drain: { timeoutMs: 30_000, delayMs: 0 },
      workerLimits: { heapBytes: 0, watchdogMs: 2000, maxAgeMs: 0, memoryBytes: 0, failedStarts: 10 },
      log: { level: 'info', format: 'auto', access: true },
      accessLog: expect.objectContaining({
        file: null,
        format: 'json',
        headers: [],
        sample: 1,
        slowMs: 1000,
      }),
      answers: { serverTiming: false, cacheStatus: true, proxyStatus: true },
      dns: {
        minTtlMs: 1000,
        maxTtlMs: 300_000,
        defaultTtlMs: 30_000,
        negativeTtlMs: 1000,
        staleIfErrorMs: 3_600_000,
        timeoutMs: 3000,
        prefer: 'both',
        servers: [],
      },
      telemetry: true,
      upstreams: [
        {
          name: 'app',
          peers: [{ id: '127.0.0.1:9000', host: '127.0.0.1', port: 9000 }],
          balance: { algorithm: 'round-robin', key: { kind: 'path' }, loadBound: 0 },
          panicThreshold: 0.25,
          ejection: {
            connectFailures: 3,
            gatewayErrors: 5,
            serverErrors: 5,
            timeMs: 10_000,
            maxTimeMs: 300_000,
            maxShare: 0.5,
          },
          timeouts: { connectMs: 1000, headersMs: 15_000, idleMs: 30_000, totalMs: 0, tunnelMs: 3_600_000 },
          retries: {
            max: 3,
            on: [],
            backoff: { baseMs: 25, maxMs: 250 },
            budget: { share: 0.2, minPerSecond: 10 },
          },
          pool: { maxIdle: 256, idleMs: 4000, maxAgeMs: 0 },
        },
      ],
      routes: [
        {
          name: '/*',
          match: { host: null, path: '/*', methods: null },
          upstream: 'app',
          filters: [],
          bufferRequestBody: false,
          upgrades: ['websocket'],
          bufferResponseBody: false,
        },
      ],
    })
  })

  it('survives a structured clone unchanged, as it must to reach the workers', async () => {
    const yaml = `${MINIMAL}routes: [{ upstream: app, filters: [{ use: headers, with: { response: { remove: [x] } } }] }]\n`
    const { config } = await load({ 'headgate.yaml': yaml })
    expect(structuredClone(config)).toEqual(config)
  })

  it('has 0 for what none switches off', async () => {
    const yaml = `upstreams: { app: { peers: [a:1], timeouts: { headers: none, idle: 0, total: none }, pool: { maxAge: 0 } } }
workerLimits: { heap: none, watchdog: none }\nlimits: { body: none }\n`
    const { config } = await load({ 'headgate.yaml': yaml })
    expect(config.upstreams[0]?.timeouts).toMatchObject({ headersMs: 0, idleMs: 0, totalMs: 0 })
    expect(config.upstreams[0]?.pool.maxAgeMs).toBe(0)
    expect(config.workerLimits).toEqual({
      heapBytes: 0,
      watchdogMs: 0,
      maxAgeMs: 0,
      memoryBytes: 0,
      failedStarts: 10,
    })
    expect(config.limits.bodyBytes).toBe(0)
  })
})

describe('peers', () => {
  it('become targets to connect to', async () => {
    const yaml =
      "upstreams: { app: { peers: ['a:1', { address: 'http://[::1]' }, 'https://b', 'unix:run/app.sock'] } }\n"
    const folder = folderWith({ 'headgate.yaml': yaml })
    const { config } = await load({}, { cwd: folder })
    expect(config.upstreams[0]?.peers).toEqual([
      { id: 'a:1', host: 'a', port: 1 },
      { id: '[::1]:80', host: '::1', port: 80 },
      { id: 'https://b:443', host: 'b', port: 443, tls: { servername: 'b', verify: true } },
      {
        id: `unix:${join(folder, 'run/app.sock')}`,
        host: 'localhost',
        port: 0,
        socketPath: join(folder, 'run/app.sock'),
      },
    ])
  })

  it('a tls section makes TLS of a plain host:port, and reads its files relative to the config', async () => {
    const yaml =
      'upstreams: { app: { peers: [a:443], tls: { servername: b, ca: tls/ca.pem, cert: tls/c.pem, key: tls/k.pem } } }\n'
    const files = {
      'headgate.yaml': yaml,
      'tls/ca.pem': CA,
      'tls/c.pem': CERT,
      'tls/k.pem': KEY,
    }
    const { config } = await load(files)
    expect(config.upstreams[0]?.peers[0]).toMatchObject({
      host: 'a',
      tls: { servername: 'b', verify: true, ca: CA, cert: CERT, key: KEY },
    })
  })

  it('have different ids when their TLS identity differs, because equal ids share connections', async () => {
    const yaml = `upstreams:
  a: { peers: ['https://x'] }
  b: { peers: ['https://x'], tls: { verify: false } }
  c: { peers: ['https://x'], tls: { servername: y } }
  d: { peers: ['https://x'], tls: { servername: x } }
  e: { peers: ['https://x'], tls: { cert: c.pem, key: k.pem } }
  f: { peers: ['https://x'], tls: { minVersion: TLSv1.3 } }
routes: [{ upstream: a }]\n`
    const { config } = await load({ 'headgate.yaml': yaml, 'c.pem': CERT, 'k.pem': KEY })
    const ids = config.upstreams.map(({ peers }) => peers[0]?.id)
    expect(new Set(ids).size).toBe(5)
    expect(ids[0]).toBe(ids[3])
  })

  it.each([
    ['{ cert: c.pem }', 'missing-key', "'cert' needs 'key' beside it"],
    ['{ key: k.pem }', 'missing-key', "'key' needs 'cert' beside it"],
    ['{ cert: c.pem, key: text }', 'unreadable', "'text' is not a PEM file"],
    [
      '{ cert: c.pem, key: other.pem }',
      'unreadable',
      "'other.pem' is not the key of the certificate in 'c.pem'",
    ],
    ['{ cert: k.pem, key: k.pem }', 'unreadable', "there is no certificate in 'k.pem'"],
    [
      '{ cert: c.pem, key: c.pem }',
      'unreadable',
      expect.stringMatching(/^there is no private key in 'c.pem': /),
    ],
    ['{ cert: c.pem, key: locked.pem }', 'unreadable', "the key in 'locked.pem' is encrypted"],
    ['{ ca: damaged.pem }', 'unreadable', "a certificate in 'damaged.pem' cannot be read: header too long"],
    ["{ servername: 'a:443' }", 'invalid-value', "'a:443' is not a server name"],
    ['{ minVersion: TLSv1.1 }', 'invalid-value', "expected 'TLSv1.2' or 'TLSv1.3', got 'TLSv1.1'"],
    ['{ ca: text }', 'unreadable', "'text' is not a PEM file"],
    ['{ ca: nope }', 'unreadable', expect.stringMatching(/^cannot read 'nope': ENOENT/)],
  ])('tls: %s is refused', async (tls, code, message) => {
    const yaml = `upstreams: { app: { peers: ['https://x'], tls: ${tls} } }\n`
    const files = {
      'c.pem': CERT,
      'k.pem': KEY,
      'other.pem': fixture('origin.key'),
      'locked.pem': createPrivateKey(KEY)
        .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
        .toString(),
      'damaged.pem': '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n',
      text: 'hello',
    }
    const problems = await problemsOf({ 'headgate.yaml': yaml, ...files })
    expect(problems.map((problem) => [problem.code, problem.message])).toEqual([[code, message]])
  })

  it('an expired certificate is worth a warning', async () => {
    const yaml = "upstreams: { app: { peers: ['https://x'], tls: { ca: old.pem } } }\n"
    const { warnings } = await load({ 'headgate.yaml': yaml, 'old.pem': fixture('expired.crt') })
    expect(warnings).toMatchObject([
      { code: 'expired-certificate', path: 'upstreams.app.tls.ca', severity: 'warning' },
    ])
  })

  it('tls: true is TLS with the defaults; tls: false is none, and contradicts https://', async () => {
    const yaml = (peer: string, tls: boolean) => `upstreams: { app: { peers: ['${peer}'], tls: ${tls} } }\n`
    const tls = async (peer: string, flag: boolean) =>
      (await load({ 'headgate.yaml': yaml(peer, flag) })).config.upstreams[0]?.peers[0]
    expect(await tls('a.test.:443', true)).toMatchObject({ tls: { servername: 'a.test', verify: true } })
    expect(await tls('a:80', false)).toEqual({ id: 'a:80', host: 'a', port: 80 })
    const [problem] = await problemsOf({ 'headgate.yaml': yaml('https://a', false) })
    expect(problem?.message).toBe('the peer is https:// but the upstream has tls: false')
  })

  it('the path of a Unix socket must fit into an address of the system', async () => {
    const long = `/run/${'x'.repeat(110)}.sock`
    const [problem] = await problemsOf({
      'headgate.yaml': `upstreams: { app: { peers: ['unix:${long}'] } }\n`,
    })
    expect(problem?.message).toMatch(/^the path of the socket has 120 bytes, the system takes 10[37]: \/run/)
  })

  it('TLS over a Unix socket needs a name', async () => {
    const tls = (section: string) => `upstreams: { app: { peers: ['unix:/x'], tls: ${section} } }\n`
    const [problem] = await problemsOf({ 'headgate.yaml': tls('{}') })
    expect(problem?.hint).toContain('tls.servername')
    const { config } = await load({ 'headgate.yaml': tls('{ servername: app }') })
    expect(config.upstreams[0]?.peers[0]).toMatchObject({ socketPath: '/x', tls: { servername: 'app' } })
  })
})

describe('dns', () => {
  it.each([
    [
      '{ servers: [10.0.0.2, "10.0.0.3:5353", "::1", "[::1]:53"] }',
      ['10.0.0.2', '10.0.0.3:5353', '::1', '[::1]:53'],
    ],
  ])('%s', async (dns, servers) => {
    const { config } = await load({ 'headgate.yaml': `${MINIMAL}dns: ${dns}\n` })
    expect(config.dns.servers).toEqual(servers)
  })

  it.each([
    ['{ servers: [ns.example] }', "'ns.example' is not an address"],
    ['{ servers: [53] }', 'expected the address of a name server, got 53'],
    ['{ minTtl: 10s, maxTtl: 5s }', 'minTtl (10000ms) is longer than maxTtl (5000ms)'],
    ['{ prefer: ipv5 }', "expected 'both' or 'ipv4' or 'ipv6', got 'ipv5'"],
  ])('%s is refused', async (dns, message) => {
    const [problem] = await problemsOf({ 'headgate.yaml': `${MINIMAL}dns: ${dns}\n` })
    expect(problem?.message).toBe(message)
  })
})

describe('filters', () => {
  const withFilters = (filters: string) => `${MINIMAL}routes: [{ upstream: app, filters: ${filters} }]\n`

  async function resolved(filters: string, files: Readonly<Record<string, string>> = {}) {
    const folder = folderWith({ 'conf/headgate.yaml': withFilters(filters), ...files })
    const { config } = await load({}, { cwd: folder, file: 'conf/headgate.yaml' })
    return { folder, refs: config.routes[0]?.filters ?? [] }
  }

  it('of the gateway are known by name, with or without options', async () => {
    const { refs } = await resolved('[request-id, { use: headers, with: { request: { remove: [x-a] } } }]')
    expect(refs).toEqual<FilterRef[]>([
      { kind: 'builtin', name: 'request-id', options: null },
      { kind: 'builtin', name: 'headers', options: { request: { remove: ['x-a'] } } },
    ])
  })

  it('in files are found relative to the config file', async () => {
    const { folder, refs } = await resolved("['./geo.ts', { use: '../shared/a b.mjs', with: { n: 1 } }]", {
      'conf/geo.ts': '',
      'shared/a b.mjs': '',
    })
    expect(refs).toEqual([
      {
        kind: 'module',
        name: './geo.ts',
        specifier: pathToFileURL(join(folder, 'conf/geo.ts')).href,
        options: null,
      },
      {
        kind: 'module',
        name: '../shared/a b.mjs',
        specifier: pathToFileURL(join(folder, 'shared/a b.mjs')).href,
        options: { n: 1 },
      },
    ])
  })

  it('in packages are found in node_modules above the config file', async () => {
    const { folder, refs } = await resolved("[geo, '@acme/filters/auth']", {
      'node_modules/geo/package.json':
        '{ "exports": { ".": { "types": "./x.d.ts", "import": "./esm.js", "require": "./cjs.js" } } }',
      'node_modules/geo/esm.js': '',
      'node_modules/@acme/filters/package.json': '{ "exports": { "./auth": "./lib/auth.js" } }',
      'node_modules/@acme/filters/lib/auth.js': '',
    })
    expect(refs.map((ref) => (ref.kind === 'module' ? ref.specifier : ref))).toEqual([
      pathToFileURL(join(folder, 'node_modules/geo/esm.js')).href,
      pathToFileURL(join(folder, 'node_modules/@acme/filters/lib/auth.js')).href,
    ])
  })

  it.each([
    ["['./geo.js']", { 'geo.ts': '' }, "there is no file './geo.js'", "did you mean './geo.ts'?"],
    [
      '[geo.ts]',
      { 'geo.ts': '' },
      "there is no filter and no installed package 'geo.ts'",
      "did you mean './geo.ts'?",
    ],
    [
      '[geo]',
      { 'geo.ts': '' },
      "there is no filter and no installed package 'geo'",
      "did you mean './geo.ts'?",
    ],
    [
      '[requestid]',
      {},
      "there is no filter and no installed package 'requestid'",
      "did you mean 'request-id'?",
    ],
    [
      "['./geo.txt']",
      { 'geo.txt': '' },
      "'./geo.txt' is not a module",
      'its name ends in .ts, .mts, .cts, .js, .mjs, .cjs',
    ],
  ])('%s is refused with the way out', async (filters, files, message, hint) => {
    const [problem] = await problemsOf({ 'headgate.yaml': withFilters(filters), ...files })
    expect([problem?.message, problem?.hint]).toEqual([message, hint])
  })
})

describe('package entries', () => {
  const entry = (manifest: object, files: readonly string[], specifier = 'p') => {
    const folder = folderWith({
      'node_modules/p/package.json': JSON.stringify(manifest),
      ...Object.fromEntries(files.map((file) => [`node_modules/p/${file}`, ''])),
      'deep/er/x': '',
    })
    return packageEntry(specifier, join(folder, 'deep/er'))?.slice(folder.length) ?? null
  }

  it.each<[string, object, readonly string[], string, string | null]>([
    ['exports as text', { exports: './a.js' }, ['a.js'], 'p', '/node_modules/p/a.js'],
    [
      'conditions in the order of the package',
      { exports: { node: './n.js', default: './d.js' } },
      ['n.js', 'd.js'],
      'p',
      '/node_modules/p/n.js',
    ],
    [
      'nested conditions',
      { exports: { '.': { import: { types: './t', default: './i.js' } } } },
      ['i.js'],
      'p',
      '/node_modules/p/i.js',
    ],
    ['main without extension', { main: 'lib/a' }, ['lib/a.js'], 'p', '/node_modules/p/lib/a.js'],
    ['nothing said', {}, ['index.js'], 'p', '/node_modules/p/index.js'],
    ['a file inside', {}, ['lib/b.js'], 'p/lib/b.js', '/node_modules/p/lib/b.js'],
    ['a subpath that is not exported', { exports: { '.': './a.js' } }, ['a.js', 'b.js'], 'p/b.js', null],
    ['an entry that does not exist', { exports: './gone.js' }, [], 'p', null],
    ['another package', {}, ['index.js'], 'q', null],
    ['no package name', {}, ['index.js'], '@p', null],
  ])('%s', (_, manifest, files, specifier, expected) => {
    expect(entry(manifest, files, specifier)).toBe(expected)
  })

  it('a package may name itself', () => {
    const folder = folderWith({
      'package.json': '{ "name": "me", "exports": "./a.js" }',
      'a.js': '',
      'in/x': '',
    })
    expect(packageEntry('me', join(folder, 'in'))).toBe(join(folder, 'a.js'))
  })
})

describe('routes', () => {
  it('are named after what they match', async () => {
    const yaml = `${MINIMAL}routes:
  - { match: { host: EXAMPLE.com, path: /static/*, method: [GET, HEAD, GET] }, upstream: app }
  - { match: { host: '*.example.com' }, upstream: app }
  - { match: { path: /exact }, upstream: app, bufferRequestBody: true }\n`
    const { config, warnings } = await load({ 'headgate.yaml': yaml })
    expect(config.routes.map(({ name }) => name)).toEqual([
      'GET,HEAD example.com/static/*',
      '*.example.com/*',
      '/exact',
    ])
    expect(config.routes[2]?.bufferRequestBody).toBe(true)
    expect(warnings).toEqual([])
  })

  const match = (host: string | null, path: string, methods: readonly string[] | null = null) => ({
    host,
    path,
    methods,
  })

  it.each([
    [match(null, '/*'), match('a.b', '/x', ['GET']), true],
    [match(null, '/a/*'), match(null, '/a/b/*'), true],
    [match(null, '/a/*'), match(null, '/a/'), true],
    [match(null, '/a/*'), match(null, '/a'), false],
    [match(null, '/a'), match(null, '/a/*'), false],
    [match('*.b.c', '/*'), match('a.b.c', '/*'), true],
    [match('*.b.c', '/*'), match('*.a.b.c', '/*'), true],
    [match('*.b.c', '/*'), match('b.c', '/*'), false],
    [match('*.b.c', '/*'), match('xb.c', '/*'), false],
    [match('b.c', '/*'), match(null, '/*'), false],
    [match(null, '/*', ['GET', 'POST']), match(null, '/*', ['POST']), true],
    [match(null, '/*', ['GET']), match(null, '/*'), false],
  ])('%j before %j leaves it nothing: %s', (earlier, later, expected) => {
    expect(covers(earlier, later)).toBe(expected)
  })

  it('may ask for every method that the acceptor lets through, and for no other', () => {
    expect([...ROUTE_METHODS].sort()).toEqual([...METHODS].sort())
  })

  it('behind a wider one is a warning that says which one', async () => {
    const yaml = `${MINIMAL}routes:\n  - { upstream: app }\n  - { match: { path: /a/* }, upstream: app }\n`
    const { warnings } = await load({ 'headgate.yaml': yaml })
    expect(warnings).toMatchObject([
      { severity: 'warning', code: 'unreachable-route', path: 'routes[1].match', location: { line: 4 } },
    ])
    expect(warnings[0]?.message).toBe(
      "the route '/a/*' is never reached: routes[0] '/*' takes all its requests",
    )
  })
})

describe('warnings', () => {
  it('an upstream that no route uses', async () => {
    const yaml = 'upstreams:\n  a: { peers: [a:1] }\n  b: { peers: [b:1] }\nroutes: [{ upstream: a }]\n'
    const { warnings } = await load({ 'headgate.yaml': yaml })
    expect(warnings).toMatchObject([{ code: 'unused-upstream', location: { line: 3, column: 3 } }])
  })

  it('a timeout longer than the one of the whole session, if somebody wrote it', async () => {
    const yaml = 'upstreams:\n  a:\n    peers: [a:1]\n    timeouts: { total: 5s, headers: 10s }\n'
    const { warnings } = await load({ 'headgate.yaml': yaml })
    expect(warnings).toMatchObject([{ code: 'timeout-order', path: 'upstreams.a.timeouts.headers' }])
  })
})
