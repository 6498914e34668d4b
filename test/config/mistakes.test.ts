// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the config have this form
import { expect, it } from 'vitest'
import { formatProblem, type ProblemCode } from '#src/config/index.js'
import { MINIMAL, problemsOf } from './support.js'

interface Mistake {
  readonly name: string
  readonly yaml: string
  readonly code: ProblemCode
  /** `line:column` of what is wrong. */
  readonly at: string
  readonly message: string
  readonly hint: string | null
}

const APP = 'upstreams:\n  app:\n    peers: [127.0.0.1:9000]\n'

const MISTAKES: readonly Mistake[] = [
  {
    name: 'a misspelt key at the top',
    yaml: `${APP}rotues: []\n`,
    code: 'unknown-key',
    at: '4:1',
    message: "unknown key 'rotues'",
    hint: "did you mean 'routes'?",
  },
  {
    name: 'a misspelt key inside',
    yaml: `${APP}limits: { headers: 8KiB }\n`,
    code: 'unknown-key',
    at: '4:11',
    message: "unknown key 'headers'",
    hint: "did you mean 'header'?",
  },
  {
    name: 'a key in another case',
    yaml: `${APP}limits:\n  header_count: 10\n`,
    code: 'unknown-key',
    at: '5:3',
    message: "unknown key 'header_count'",
    hint: "did you mean 'headerCount'?",
  },
  {
    name: 'a key in the wrong place',
    yaml: `${APP}retries: { max: 1 }\n`,
    code: 'unknown-key',
    at: '4:1',
    message: "unknown key 'retries'",
    hint: "'retries' belongs under upstreams.NAME or routes[].adserving",
  },
  {
    name: 'a key that is none at all',
    yaml: `${APP}drain: { colour: red }\n`,
    code: 'unknown-key',
    at: '4:10',
    message: "unknown key 'colour'",
    hint: 'the keys here are timeout, delay',
  },
  {
    name: 'a misspelt key in a list of objects',
    yaml: `${APP}routes:\n  - upstraem: app\n    upstream: app\n`,
    code: 'unknown-key',
    at: '5:5',
    message: "unknown key 'upstraem'",
    hint: "did you mean 'upstream'?",
  },
  {
    name: 'a misspelt key in one form of several (filter)',
    yaml: `${APP}routes:\n  - upstream: app\n    filters:\n      - { use: headers, wiht: {} }\n`,
    code: 'unknown-key',
    at: '7:25',
    message: "unknown key 'wiht'",
    hint: "did you mean 'with'?",
  },
  {
    name: '__proto__ as a key',
    yaml: `${APP}limits:\n  __proto__: { header: 1KiB }\n`,
    code: 'unknown-key',
    at: '5:3',
    message: "unknown key '__proto__'",
    hint: 'the keys here are header, headerCount, url, body, bufferedBody, webSocketMessage, webSocketCompressed, connections, connectionsPerAddress, sessions, filter',
  },
  {
    name: 'the same key twice',
    yaml: `${APP}listen: 1\nlisten: 2\n`,
    code: 'duplicate-key',
    at: '5:1',
    message: 'Map keys must be unique',
    hint: null,
  },
  {
    name: 'two upstreams of one name',
    yaml: 'upstreams:\n  app: { peers: [a:1] }\n  app: { peers: [b:1] }\n',
    code: 'duplicate-key',
    at: '3:3',
    message: 'Map keys must be unique',
    hint: null,
  },
  {
    name: 'a duration without unit',
    yaml: `${APP}    timeouts: { connect: 250 }\n`,
    code: 'invalid-value',
    at: '4:26',
    message: '250 has no unit',
    hint: "say the unit, e.g. '250ms' or '250s'",
  },
  {
    name: 'a duration in words',
    yaml: `${APP}client:\n  idle: 10 sec\n`,
    code: 'invalid-value',
    at: '5:9',
    message: "expected a duration such as '250ms', got '10 sec'",
    hint: "write '10s'",
  },
  {
    name: 'a duration of zero where there must be one',
    yaml: `${APP}    timeouts: { connect: 0s }\n`,
    code: 'invalid-value',
    at: '4:26',
    message: '0s is too small',
    hint: 'more than 0',
  },
  {
    name: 'a size without unit',
    yaml: `${APP}limits:\n  header: 16384\n`,
    code: 'invalid-value',
    at: '5:11',
    message: '16384 has no unit',
    hint: "say the unit, e.g. '16384B' or '16384KiB'",
  },
  {
    name: 'a size out of bounds',
    yaml: `${APP}limits:\n  header: 1MiB\n`,
    code: 'invalid-value',
    at: '5:11',
    message: '1MiB is too large',
    hint: 'at most 64KiB',
  },
  {
    name: 'text for a number',
    yaml: `${APP}limits: { connections: many }\n`,
    code: 'invalid-value',
    at: '4:24',
    message: "expected a whole number, got 'many'",
    hint: null,
  },
  {
    name: 'no workers at all',
    yaml: `${APP}workers: 0\n`,
    code: 'invalid-value',
    at: '4:10',
    message: '0 is too small',
    hint: 'at least 1',
  },
  {
    name: 'a choice that does not exist',
    yaml: `${APP}log:\n  level: warning\n`,
    code: 'invalid-value',
    at: '5:10',
    message:
      "expected 'trace' or 'debug' or 'info' or 'warn' or 'error' or 'fatal' or 'silent', got 'warning'",
    hint: "did you mean 'warn'?",
  },
  {
    name: 'yes for true',
    yaml: `${APP}log: { access: yes }\n`,
    code: 'invalid-value',
    at: '4:16',
    message: "expected true or false, got 'yes'",
    hint: null,
  },
  {
    name: 'an admin listener for the whole network',
    yaml: `${APP}admin: 0.0.0.0:9901\n`,
    code: 'invalid-value',
    at: '4:8',
    message: "the admin listener has no authentication, so it may not listen on '0.0.0.0:9901'",
    hint: "use a loopback address, e.g. '127.0.0.1:9901', or say admin: { listen: '0.0.0.0:9901', token: '${ADMIN_TOKEN}' }",
  },
  {
    name: 'a token that can be guessed',
    yaml: `${APP}admin: { token: short }\n`,
    code: 'invalid-value',
    at: '4:17',
    message: 'the token is too short',
    hint: 'at least 16 characters, from ${ADMIN_TOKEN} for example',
  },
  {
    name: 'admin on the port of the gateway',
    yaml: `${APP}listen: :8080\nadmin: 127.0.0.1:8080\n`,
    code: 'address-in-use',
    at: '5:8',
    message: 'listen and admin both want port 8080',
    hint: null,
  },
  {
    name: 'a peer without port',
    yaml: 'upstreams:\n  app:\n    peers:\n      - app.example\n',
    code: 'invalid-value',
    at: '4:9',
    message: "'app.example' has no port",
    hint: "write 'app.example:80' or 'http://app.example'",
  },
  {
    name: 'a peer with a path, in its long form',
    yaml: "upstreams:\n  app:\n    peers:\n      - address: 'http://app/api'\n",
    code: 'invalid-value',
    at: '4:18',
    message: "a peer address has no path, got '/api'",
    hint: "write 'http://app'",
  },
  {
    name: 'an upstream without peers',
    yaml: 'upstreams:\n  app: { peers: [] }\n',
    code: 'invalid-value',
    at: '2:17',
    message: 'the list is empty: it needs at least one entry',
    hint: null,
  },
  {
    name: 'a section left empty',
    yaml: 'upstreams:\n  app:\n',
    code: 'invalid-value',
    at: '2:3',
    message: 'expected a section, got nothing',
    hint: 'its keys are peers, balance, panicThreshold, ejection, health, tls, timeouts, retries, limits, concurrency, breaker, pool, host',
  },
  {
    name: 'a name with a space',
    yaml: "upstreams:\n  'my app': { peers: [a:1] }\n",
    code: 'invalid-value',
    at: '2:3',
    message: "'my app' is not a name",
    hint: 'letters, digits, _ . and -, starting with a letter or digit, at most 64 characters',
  },
  {
    name: 'the same peer twice',
    yaml: 'upstreams:\n  app:\n    peers: [127.0.0.1:9000, http://127.0.0.1:9000]\n',
    code: 'duplicate-peer',
    at: '3:29',
    message: 'the peer 127.0.0.1:9000 is listed twice',
    hint: null,
  },
  {
    name: 'a route to nowhere',
    yaml: `${APP}routes:\n  - upstream: ap\n`,
    code: 'unknown-upstream',
    at: '5:15',
    message: "there is no upstream 'ap'",
    hint: "did you mean 'app'?",
  },
  {
    name: 'a route without upstream',
    yaml: `${APP}routes:\n  - match: { path: / }\n`,
    code: 'missing-key',
    at: '5:5',
    message: "'upstream' is missing",
    hint: 'Name of the upstream that serves the route; or split, redirect, respond or adserving.',
  },
  {
    name: 'the same match twice',
    yaml: `${APP}routes:\n  - upstream: app\n  - match: { path: /* }\n    upstream: app\n`,
    code: 'unreachable-route',
    at: '6:5',
    message: "the route '/*' is never reached: routes[0] '/*' takes all its requests",
    hint: 'take one of them out',
  },
  {
    name: 'no routes for two upstreams',
    yaml: 'upstreams:\n  a: { peers: [a:1] }\n  b: { peers: [b:1] }\n',
    code: 'missing-key',
    at: '1:1',
    message: "'routes' is missing, and there is more than one upstream",
    hint: "say which requests go where, for example: routes: [{ match: { path: '/*' }, upstream: a }]",
  },
  {
    name: 'a path without slash',
    yaml: `${APP}routes:\n  - { match: { path: static/* }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:22',
    message: "'static/*' does not start with '/'",
    hint: "write '/static/*'",
  },
  {
    name: 'an unknown parameter in a redirect',
    yaml: `${APP}routes:\n  - match: { path: "/users/:id" }\n    redirect: { to: "/u/{name}/{ids}" }\n`,
    code: 'invalid-value',
    at: '6:25',
    message: "there is no 'name' to fill in",
    hint: 'there are {host}, {path}, {query}, {id}',
  },
  {
    name: 'a parameter in a redirect, written as in the path',
    yaml: `${APP}routes:\n  - match: { path: "/users/:id" }\n    redirect: { to: "/u/:id" }\n`,
    code: 'invalid-value',
    at: '6:25',
    message: "a parameter stands in braces: '{id}'",
    hint: null,
  },
  {
    name: 'a misspelt parameter in a rewrite',
    yaml: `${APP}routes:\n  - match: { path: "/users/:user/*" }\n    upstream: app\n    rewrite: { path: "/u/{usr}" }\n`,
    code: 'invalid-value',
    at: '7:26',
    message: "there is no 'usr' to fill in",
    hint: "did you mean '{user}'?",
  },
  {
    name: 'a redirect to where the client says',
    yaml: `${APP}routes:\n  - match: { path: "/go/:site" }\n    redirect: "https://{site}/"\n`,
    code: 'invalid-value',
    at: '6:24',
    message: 'a value of the request may not decide where to redirect to',
    hint: null,
  },
  {
    name: 'a redirect into nowhere',
    yaml: `${APP}routes:\n  - redirect: "example.com"\n`,
    code: 'invalid-value',
    at: '5:16',
    message: "it begins neither with '/' nor with http:// or https:// and a host",
    hint: null,
  },
  {
    name: 'two things that serve a route',
    yaml: `${APP}routes:\n  - upstream: app\n    respond: { body: hello }\n`,
    code: 'invalid-value',
    at: '6:5',
    message: "a route has 'upstream' or 'respond', not both",
    hint: 'take one of them out',
  },
  {
    name: 'a rewrite for nobody',
    yaml: `${APP}routes:\n  - respond: { body: hello }\n    rewrite: { stripPrefix: /a }\n`,
    code: 'invalid-value',
    at: '6:5',
    message: "it has no effect: 'respond' asks no upstream",
    hint: 'take it out',
  },
  {
    name: 'a misspelt upstream in a split',
    yaml: `${APP}routes:\n  - split: { upstreams: { ap: 1 } }\n`,
    code: 'unknown-upstream',
    at: '5:27',
    message: "there is no upstream 'ap'",
    hint: "did you mean 'app'?",
  },
  {
    name: 'a split that weighs nothing',
    yaml: `${APP}routes:\n  - split: { upstreams: { app: 0 } }\n`,
    code: 'invalid-value',
    at: '5:14',
    message: 'no upstream has a weight above 0',
    hint: null,
  },
  {
    name: 'a parameter without a name',
    yaml: `${APP}routes:\n  - { match: { path: "/users/:" }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:22',
    message: "'/users/:': ':' is not a parameter",
    hint: "a letter, then letters, digits and '_': '/users/:id'",
  },
  {
    name: 'a route that parameters cover',
    yaml: `${APP}routes:\n  - { match: { path: "/a/:x" }, upstream: app }\n  - { match: { path: "/a/:y" }, upstream: app }\n`,
    code: 'unreachable-route',
    at: '6:7',
    message: "the route '/a/:y' is never reached: routes[0] '/a/:x' takes all its requests",
    hint: 'take one of them out',
  },
  {
    name: 'a condition that is none',
    yaml: `${APP}routes:\n  - { match: { headers: { X-A: { prefx: a } } }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:32',
    message: "there is no condition 'prefx'",
    hint: "did you mean 'prefix'?",
  },
  {
    name: 'a network that is none',
    yaml: `${APP}forwarding: { trustedProxies: [10.0.0.0/33] }\n`,
    code: 'invalid-value',
    at: '4:32',
    message: "'10.0.0.0/33' is not a network",
    hint: "for example '10.0.0.0/8', '2001:db8::/32' or '192.0.2.1'",
  },
  {
    name: 'a header of an answer that the gateway writes itself',
    yaml: `${APP}routes:\n  - respond: { headers: { Content-Length: "1" } }\n`,
    code: 'invalid-value',
    at: '5:27',
    message: "the gateway writes 'Content-Length' itself",
    hint: null,
  },
  {
    name: 'a header name of an answer that is none',
    yaml: `${APP}routes:\n  - respond: { headers: { "a b": "1" } }\n`,
    code: 'invalid-value',
    at: '5:27',
    message: "'a b' is not a header name",
    hint: null,
  },
  {
    name: 'a header of an answer of two lines',
    yaml: `${APP}routes:\n  - respond: { headers: { a: "x\\ny" } }\n`,
    code: 'invalid-value',
    at: '5:30',
    message: 'control characters and characters above U+00FF are not for headers',
    hint: null,
  },
  {
    name: 'a rewrite in two ways',
    yaml: `${APP}routes:\n  - upstream: app\n    rewrite: { path: /a, stripPrefix: /b }\n`,
    code: 'invalid-value',
    at: '6:16',
    message: "a rewrite has 'path' or prefixes, not both",
    hint: null,
  },
  {
    name: 'a rewrite to no path',
    yaml: `${APP}routes:\n  - upstream: app\n    rewrite: { path: "a/b" }\n`,
    code: 'invalid-value',
    at: '6:22',
    message: "'a/b' does not begin with '/'",
    hint: null,
  },
  {
    name: 'a rewrite with a query',
    yaml: `${APP}routes:\n  - upstream: app\n    rewrite: { path: "/a?b=1" }\n`,
    code: 'invalid-value',
    at: '6:25',
    message: 'a path has no query: that of the request stays',
    hint: null,
  },
  {
    name: 'a condition on a header that nobody can send',
    yaml: `${APP}routes:\n  - { match: { headers: { "a b": true } }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:16',
    message: "'a b' is not a header name",
    hint: null,
  },
  {
    name: 'a misspelt condition',
    yaml: `${APP}routes:\n  - { match: { headers: { a: { prefxi: b } } }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:30',
    message: "there is no condition 'prefxi'",
    hint: "did you mean 'prefix'?",
  },
  {
    name: 'two conditions on one header',
    yaml: `${APP}routes:\n  - { match: { headers: { a: { prefix: b, suffix: c } } }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:30',
    message: 'expected true, false, a text or one of { equals, prefix, suffix, contains }, got a section',
    hint: "for example 'beta', or { prefix: 'Bearer ' }",
  },
  {
    name: 'two stars within a segment',
    yaml: `${APP}routes:\n  - { match: { path: /a**/b }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:22',
    message: "'/a**/b': '**' is a segment of its own",
    hint: "for example '/**/x'",
  },
  {
    name: 'a host with port',
    yaml: `${APP}routes:\n  - { match: { host: 'example.com:80' }, upstream: app }\n`,
    code: 'invalid-value',
    at: '5:22',
    message: "'example.com:80' has a port",
    hint: "hosts match without it: 'example.com'",
  },
  {
    name: 'a method in lower case',
    yaml: `${APP}routes:\n  - match:\n      method: [get]\n    upstream: app\n`,
    code: 'invalid-value',
    at: '6:16',
    message: "'get' is not a method that can be routed",
    hint: "did you mean 'GET'?",
  },
  {
    name: 'a method that is no list',
    yaml: `${APP}routes:\n  - match: { method: GET }\n    upstream: app\n`,
    code: 'invalid-value',
    at: '5:22',
    message: "expected a list, got 'GET'",
    hint: null,
  },
  {
    name: 'a built-in filter misspelt',
    yaml: `${APP}routes:\n  - upstream: app\n    filters: [header]\n`,
    code: 'not-found',
    at: '6:15',
    message: "there is no filter and no installed package 'header'",
    hint: "did you mean 'headers'?",
  },
  {
    name: 'a filter file that does not exist',
    yaml: `${APP}routes:\n  - upstream: app\n    filters:\n      - use: ./geo.ts\n`,
    code: 'not-found',
    at: '7:14',
    message: "there is no file './geo.ts'",
    hint: expect.stringMatching(/^it is looked for in \//) as unknown as string,
  },
  {
    name: 'a certificate without key',
    yaml: `${APP}    tls: { cert: ./c.pem }\n`,
    code: 'unreadable',
    at: '4:18',
    message: expect.stringMatching(/^cannot read '\.\/c\.pem': ENOENT/) as unknown as string,
    hint: null,
  },
  {
    name: 'an http peer with a tls section',
    yaml: "upstreams:\n  app:\n    peers: ['http://a:1']\n    tls: { verify: false }\n",
    code: 'invalid-value',
    at: '3:13',
    message: 'the peer is http:// but the upstream has a tls section',
    hint: "write 'https://a:1', or take the tls section out",
  },
  {
    name: 'an unset variable, in the middle of a value',
    yaml: "upstreams:\n  app:\n    peers: ['127.0.0.1:${PORT}']\n",
    code: 'unset-variable',
    at: '3:24',
    message: 'the environment variable PORT is not set',
    hint: "set it, or give a default: '${PORT:-...}'",
  },
  {
    name: 'an unquoted reference in braces',
    yaml: `${APP}limits: { header: \${HEADER} }\n`,
    code: 'syntax',
    at: '4:20',
    message: expect.stringMatching(/^Unexpected flow-map-start/) as unknown as string,
    hint: 'inside { } and [ ] a reference must be quoted: "${VAR}"',
  },
  {
    name: 'an unquoted star at the start of a value',
    yaml: `${APP}routes:\n  - upstream: app\n    match:\n      host: *.example.com\n`,
    code: 'syntax',
    at: '7:13',
    message: "there is no anchor '&.example.com' before this",
    hint: "a value that starts with * @ ` or % must be quoted: '*.example.com'",
  },
  {
    name: 'a tab as indentation',
    yaml: 'upstreams:\n\tapp: 1\n',
    code: 'syntax',
    at: '2:1',
    message: expect.stringMatching(/tab/i) as unknown as string,
    hint: 'YAML is indented with spaces, not tabs',
  },
  {
    name: 'an unclosed brace',
    yaml: 'upstreams: { app: { peers: [a:1] }\n',
    code: 'syntax',
    at: '2:1',
    message: expect.stringMatching(/end with a \}/) as unknown as string,
    hint: null,
  },
]

it.each(MISTAKES)('finds $name at $at', async ({ yaml, code, at, message, hint }) => {
  const problems = await problemsOf({ 'headgate.yaml': yaml })
  const [first] = problems
  const position = `${first?.location?.line}:${first?.location?.column}`
  expect({ code: first?.code, at: position, message: first?.message, hint: first?.hint }).toEqual({
    code,
    at,
    message,
    hint,
  })
  expect(first?.severity).toBe('error')
  expect(first?.location?.file).toBe('headgate.yaml')
})

it('shows the position, the line, a caret under what is meant, and the hint', async () => {
  const [problem] = await problemsOf({ 'headgate.yaml': `${MINIMAL}limits: { sesions: 1 }\n` })
  expect(problem && formatProblem(problem)).toBe(
    [
      "headgate.yaml:2:11: error: limits: unknown key 'sesions'",
      '  2 | limits: { sesions: 1 }',
      '    |           ^^^^^^^',
      "  hint: did you mean 'sessions'?",
    ].join('\n'),
  )
})

it('colours only when asked to', async () => {
  const [problem] = await problemsOf({ 'headgate.yaml': 'x: 1\n' })
  expect(problem && formatProblem(problem)).not.toContain('\u001b')
  expect(problem && formatProblem(problem, true)).toContain('\u001b[31merror\u001b[0m')
})

it('tells all mistakes at once, in the order of the file', async () => {
  const problems = await problemsOf({
    'headgate.yaml': 'workers: none\nlimits:\n  url: 1\n  hedaer: 1KiB\nupstreams: {}\nroutes: []\n',
  })
  expect(problems.map(({ path, location }) => `${path} ${location?.line}`)).toEqual([
    'workers 1',
    'limits.url 3',
    'limits 4',
    'routes 6',
  ])
})

it('shows only the first syntax error, and that there are more', async () => {
  const problems = await problemsOf({ 'headgate.yaml': 'a: { b: ${C} }\nd: [\n' })
  expect(problems).toHaveLength(1)
  expect(problems[0]?.message).toMatch(/ \(and \d+ more\)$/)
})

it('refuses aliases that multiply without bound', async () => {
  const levels = Array.from(
    { length: 9 },
    (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`,
  )
  const [problem] = await problemsOf({ 'headgate.yaml': ['l0: &l0 [x]', ...levels].join('\n') })
  expect(problem?.message).toMatch(/^Excessive alias count/)
})

it('points to the entry itself where it stands behind an alias', async () => {
  const yaml = 'upstreams:\n  a: &a\n    peers: [a:1]\n    tmeouts: {}\n  b: *a\n'
  const problems = await problemsOf({ 'headgate.yaml': yaml })
  expect(problems.map(({ path, location }) => `${path} ${location?.line}:${location?.column}`)).toEqual([
    'upstreams.a 4:5',
    'upstreams.b 4:5',
  ])
})
