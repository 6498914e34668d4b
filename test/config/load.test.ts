// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the config have this form
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CONFIG_FILES, ConfigError, loadConfig } from '#src/config/index.js'
import { folderWith, load, MINIMAL, problemsOf } from './support.js'

const JSON_CONFIG = '{\n\t"upstreams": {\n\t\t"app": { "peers": ["127.0.0.1:9000"] }\n\t}\n}\n'
const ESM_CONFIG = "export default { upstreams: { app: { peers: ['127.0.0.1:9000'] } } }\n"
const TS_CONFIG = `
interface Peer { readonly port: number }
const peer: Peer = { port: 9000 }
export default { upstreams: { app: { peers: [\`127.0.0.1:\${peer.port}\`] } } }
`

describe('finding the file', () => {
  it.each([
    ['headgate.yaml', MINIMAL],
    ['headgate.yml', MINIMAL],
    ['headgate.json', JSON_CONFIG],
    ['headgate.config.mjs', ESM_CONFIG],
    ['headgate.config.ts', TS_CONFIG],
    ['headgate.config.mts', TS_CONFIG],
  ])('%s is found and read', async (name, content) => {
    const { config } = await load({ [name]: content })
    expect(config.file?.endsWith(name)).toBe(true)
    expect(config.upstreams.map(({ peers }) => peers.map(({ id }) => id))).toEqual([['127.0.0.1:9000']])
  })

  it('headgate.config.js is an ES module where the package says so', async () => {
    const { config } = await load({
      'package.json': '{ "type": "module" }',
      'headgate.config.js': ESM_CONFIG,
    })
    expect(config.upstreams[0]?.name).toBe('app')
  })

  it('a TypeScript config loads in an ES module package too, with imports of its own', async () => {
    const { config } = await load({
      'package.json': '{ "type": "module" }',
      'peers.ts': "export const peers: string[] = ['127.0.0.1:9000']\n",
      'headgate.config.ts':
        "import { peers } from './peers.ts'\nexport default { upstreams: { app: { peers } } }\n",
    })
    expect(config.upstreams[0]?.peers[0]?.port).toBe(9000)
  })

  it('the first of several wins, and the others are named', async () => {
    const { config, warnings } = await load({ 'headgate.yaml': MINIMAL, 'headgate.json': JSON_CONFIG })
    expect(config.file?.endsWith('headgate.yaml')).toBe(true)
    expect(warnings.map(({ code, location }) => [code, location?.file])).toEqual([
      ['ignored-file', 'headgate.json'],
    ])
  })

  it('no file at all is an error that says what there could be', async () => {
    const [problem] = await problemsOf({})
    expect(problem?.code).toBe('not-found')
    for (const name of CONFIG_FILES) expect(problem?.message).toContain(name)
    expect(problem?.hint).toContain('--upstream')
  })

  it('a file that is asked for and missing is an error, whatever else lies there', async () => {
    const [problem] = await problemsOf({ 'headgate.yaml': MINIMAL }, { file: 'other.yaml' })
    expect([problem?.code, problem?.location?.file]).toEqual(['not-found', 'other.yaml'])
  })

  it('null means none: the flags alone make the config', async () => {
    const { config } = await load(
      { 'headgate.yaml': 'nonsense: 1' },
      { file: null, overrides: { upstream: ['http://a'] } },
    )
    expect([config.file, config.upstreams[0]?.peers[0]?.id]).toEqual([null, 'a:80'])
  })
})

describe('modules', () => {
  it('are read anew on every load', async () => {
    const folder = folderWith({
      'counter.mjs':
        'globalThis.headgateTestLoads = (globalThis.headgateTestLoads ?? 0) + 1\nexport default { upstreams: { app: { peers: [`127.0.0.1:${globalThis.headgateTestLoads}`] } } }\n',
    })
    const ports = []
    for (let i = 0; i < 3; i += 1) {
      const { config } = await loadConfig({ cwd: folder, file: 'counter.mjs' })
      ports.push(config.upstreams[0]?.peers[0]?.port)
    }
    expect(ports).toEqual([1, 2, 3])
  })

  it.each([
    ['no default export', 'export const a = 1\n', 'syntax', /no default export/],
    ['an exception', "throw new Error('no database')\n", 'unreadable', /cannot be loaded: no database/],
    ['a syntax error', 'export default {\n', 'unreadable', /cannot be loaded: /],
  ])('with %s are an error that says so', async (_, content, code, message) => {
    for (const name of ['headgate.config.ts', 'headgate.config.mjs']) {
      const [problem] = await problemsOf({ [name]: content })
      expect(problem?.code).toBe(code)
      expect(problem?.message).toMatch(message)
      expect(problem?.location?.file).toBe(name)
    }
  })

  it('have no lines, so a problem names the file and the path of the key', async () => {
    const config =
      "export default { upstreams: { app: { peers: ['127.0.0.1:9000'], timeouts: { connect: 250 } } } }\n"
    const [problem] = await problemsOf({ 'headgate.config.mjs': config })
    expect(problem?.path).toBe('upstreams.app.timeouts.connect')
    expect(problem?.location).toMatchObject({ file: 'headgate.config.mjs', line: 0 })
  })

  it('may not put functions into the options of a filter, because these travel to other threads', async () => {
    const config = `export default {
      upstreams: { app: { peers: ['127.0.0.1:9000'] } },
      routes: [{ upstream: 'app', filters: [{ use: 'headers', with: { a: () => 1 } }] }],
    }\n`
    const [problem] = await problemsOf({ 'headgate.config.mjs': config })
    expect(problem).toMatchObject({
      path: 'routes[0].filters[0].with',
      message: 'options must be plain data',
    })
  })
})

describe('the file itself', () => {
  it.each([
    ['', 'the file is empty'],
    ['# nothing yet\n', 'the file is empty'],
    ['- a\n', 'expected a section, got a list'],
    ['text\n', "expected a section, got 'text'"],
  ])('%j is refused', async (content, message) => {
    const [problem] = await problemsOf({ 'headgate.yaml': content })
    expect(problem?.message).toBe(message)
  })

  it('of an unknown kind is refused by its name', async () => {
    const [problem] = await problemsOf({ 'headgate.toml': '' }, { file: 'headgate.toml' })
    expect(problem?.message).toBe("cannot tell the format of a '.toml' file")
  })

  it('that is a folder is an error, not an exception', async () => {
    const [problem] = await problemsOf({ 'x.yaml/y': '' }, { file: 'x.yaml' })
    expect(problem?.message).toMatch(/EISDIR/)
  })

  it('is named by its full path when it is elsewhere', async () => {
    const folder = folderWith({ 'headgate.yaml': 'x: 1\n' })
    const [problem] = await problemsOf({}, { file: join(folder, 'headgate.yaml') })
    expect(problem?.location?.file).toBe(join(folder, 'headgate.yaml'))
  })

  it('in JSON has positions too, also with tabs', async () => {
    const content =
      '{\n\t"upstreams": { "app": { "peers": ["127.0.0.1:9000"] } },\n\t"limits": { "url": 5 }\n}\n'
    const [problem] = await problemsOf({ 'headgate.json': content })
    expect(problem?.location).toMatchObject({ line: 3, column: 21, excerpt: '\t"limits": { "url": 5 }' })
  })

  it('may name its schema for editors', async () => {
    const { config } = await load({ 'headgate.yaml': `$schema: ./schema.json\n${MINIMAL}` })
    expect(config.upstreams).toHaveLength(1)
  })

  it('with Windows line ends has the same positions', async () => {
    const [problem] = await problemsOf({ 'headgate.yaml': `${MINIMAL}\nx: 1\n`.replaceAll('\n', '\r\n') })
    expect(problem?.location).toMatchObject({ line: 3, column: 1, excerpt: 'x: 1' })
  })
})

describe('flags', () => {
  it('go over what the file says', async () => {
    const { config } = await load(
      {
        'headgate.yaml': `${MINIMAL}listen: 127.0.0.1:1\nadmin: 127.0.0.1:2\nworkers: 7\nlog: { level: warn, access: false }\n`,
      },
      { overrides: { listen: ':3', admin: 'off', workers: '2', acceptor: 'node', logLevel: 'debug' } },
    )
    expect(config.listen).toEqual({ host: '0.0.0.0', port: 3 })
    expect(config.admin).toBeNull()
    expect(config.workers).toEqual({ count: 2, reason: 'as configured' })
    expect(config.acceptor).toBe('node')
    expect(config.log).toMatchObject({ level: 'debug', access: false })
  })

  it('--upstream replaces the upstreams and routes of the file', async () => {
    const { config } = await load(
      { 'headgate.yaml': `${MINIMAL}routes: [{ match: { path: /a }, upstream: app }]\n` },
      { overrides: { upstream: ['http://127.0.0.1:1', '127.0.0.1:2'] } },
    )
    expect(config.upstreams.map(({ name, peers }) => [name, ...peers.map(({ id }) => id)])).toEqual([
      ['default', '127.0.0.1:1', '127.0.0.1:2'],
    ])
    expect(config.routes.map(({ name, upstream }) => [name, upstream])).toEqual([['/*', 'default']])
  })

  it('are named as the place of a problem that they bring', async () => {
    const [problem] = await problemsOf({ 'headgate.yaml': MINIMAL }, { overrides: { admin: '0.0.0.0:1' } })
    expect(problem?.location).toMatchObject({ file: '--admin', line: 0 })
  })
})

it('has every problem in the message of the error', async () => {
  const error: unknown = await load({ 'headgate.yaml': 'a: 1\nb: 2\n' }).catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(ConfigError)
  const { message } = error as ConfigError
  for (const text of ["unknown key 'a'", "unknown key 'b'", "'upstreams' is missing"])
    expect(message).toContain(text)
})
