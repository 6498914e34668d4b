// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the config have this form
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '#src/config/index.js'
import { folderWith, MINIMAL } from '../config/support.js'
import { runCli, runCliProcess } from './support.js'

describe('exit code 0', () => {
  it.each([[['--help']], [['--version']], [['run', '--help']], [['help', 'check']]])('%j', async (args) => {
    const { code, stdout } = await runCli(args)
    expect([code, stdout.length > 0]).toEqual([0, true])
  })

  it('the version is that of the package', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    // The one that is about the process: what main() says becomes its exit code.
    expect(await runCliProcess(['--version'])).toEqual({
      code: 0,
      stdout: `${manifest.version}\n`,
      stderr: '',
    })
    expect((await runCliProcess(['fly'])).code).toBe(2)
  })

  it('help lists only commands that there are', async () => {
    const { stdout } = await runCli(['--help'])
    const commands = [...stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map((match) => match[1])
    expect(commands).toEqual('run check tune bench reload drain doctor schema top help'.split(' '))
  })
})

describe('exit code 2 for wrong usage', () => {
  it.each<[string[], RegExp]>([
    [[], /Usage: headgate/],
    [['fly'], /unknown command 'fly'/],
    [['run', '--lsten', 'x'], /unknown option '--lsten'\n\(Did you mean --listen\?\)/],
    [['run', '--listen', 'nonsense'], /'nonsense' has no port/],
    [['run', '--upstream', 'app'], /'app' has no port \(write 'app:80' or 'http:\/\/app'\)/],
    [['top', '--interval', '1ms'], /at least 100ms/],
    [['top', '--admin', 'ftp://x'], /for example http:/],
    [['run', '--workers', 'all'], /expected 'auto' or a number, got 'all'/],
    [['run', '--workers', '0'], /0 is too small \(at least 1\)/],
    [['run', '--acceptor', 'nginx'], /expected 'auto' or 'uws' or 'node', got 'nginx'/],
    [['run', '--log-level', 'loud'], /got 'loud'/],
    [['run', '--demo', '--upstream', 'http://a'], /--demo brings its own upstream/],
    [['run', 'extra'], /too many arguments/],
    [['check', '--config'], /argument missing/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await runCli(args)
    expect(stderr).toMatch(message)
    expect([code, stdout]).toEqual([2, ''])
  })
})

describe('exit code 78 for a config that cannot be used', () => {
  it.each([['run'], ['check']])('%s, with the position on standard error', async (command) => {
    const cwd = folderWith({ 'headgate.yaml': `${MINIMAL}rotues: []\n` })
    const { code, stdout, stderr } = await runCli([command], { cwd })
    expect([code, stdout]).toEqual([78, ''])
    expect(stderr).toBe(
      "headgate.yaml:2:1: error: unknown key 'rotues'\n  2 | rotues: []\n    | ^^^^^^\n  hint: did you mean 'routes'?\n",
    )
  })

  it('no config at all', async () => {
    const { code, stderr } = await runCli(['run'], { cwd: folderWith({}) })
    expect(code).toBe(78)
    expect(stderr).toContain('no config file here')
  })

  it('an admin listener for other machines without a token', async () => {
    const { code, stderr } = await runCli(['run', '--upstream', '127.0.0.1:1', '--admin', '0.0.0.0:9901'])
    expect(code).toBe(78)
    expect(stderr).toContain(
      "the admin listener has no authentication, so it may not listen on '0.0.0.0:9901'",
    )
    expect(stderr).toContain("token: '${ADMIN_TOKEN}'")
  })

  it('a config that is asked for and missing', async () => {
    const { code, stderr } = await runCli(['check', '--config', 'gone.yaml'])
    expect([code, stderr]).toEqual([78, 'gone.yaml: error: there is no such file\n'])
  })
})

describe('check', () => {
  it('says what it found', async () => {
    const cwd = folderWith({ 'headgate.yaml': MINIMAL })
    const { code, stdout, stderr } = await runCli(['check'], { cwd })
    expect(stdout).toMatch(/headgate\.yaml is valid: 1 upstream, 1 route, 0 filters\n$/)
    expect([code, stderr]).toEqual([0, ''])
  })

  it('warns and still exits 0', async () => {
    const cwd = folderWith({
      'headgate.yaml': `${MINIMAL}routes:\n  - { upstream: app }\n  - { upstream: app, match: { path: /a } }\n`,
    })
    const { code, stdout, stderr } = await runCli(['check'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain('2 routes, 0 filters, 1 warning')
    expect(stderr).toContain('headgate.yaml:4:22: warning: routes[1].match: ')
  })

  it.each<[string, string, RegExp]>([
    ['a module that throws', "throw new Error('no database')\n", /no database/],
    ['no default export', 'export const a = 1\n', /no default export/],
    [
      'a hook that does not exist',
      "export default { name: 'x', requestFlter() {} }\n",
      /unknown hook 'requestFlter'/,
    ],
    ['a filter without name', 'export default {}\n', /needs a 'name'/],
  ])('finds a filter that cannot be used: %s', async (_, filter, message) => {
    const cwd = folderWith({
      'headgate.yaml': `${MINIMAL}routes:\n  - upstream: app\n    filters:\n      - ./f.ts\n`,
      'f.ts': filter,
    })
    const { code, stderr } = await runCli(['check'], { cwd })
    expect(code).toBe(78)
    expect(stderr).toMatch(/^headgate\.yaml:5:9: error: routes\[0\]\.filters\[0\]: /)
    expect(stderr).toMatch(message)
  })

  it('finds options that a built-in filter does not take', async () => {
    const cwd = folderWith({
      'headgate.yaml': `${MINIMAL}routes:\n  - upstream: app\n    filters:\n      - use: headers\n        with: { response: { add: {} } }\n`,
    })
    const { code, stderr } = await runCli(['check'], { cwd })
    expect(code).toBe(78)
    expect(stderr).toMatch(/^headgate\.yaml:5:9: error: routes\[0\]\.filters\[0\]: .*add/)
  })

  it('--json reports for machines, on standard output only', async () => {
    const cwd = folderWith({ 'headgate.yaml': 'x: 1\n' })
    const { code, stdout, stderr } = await runCli(['check', '--json'], { cwd })
    expect([code, stderr]).toEqual([78, ''])
    expect(JSON.parse(stdout)).toMatchObject({
      valid: false,
      problems: [
        { severity: 'error', code: 'missing-key', message: "'upstreams' is missing" },
        { severity: 'error', code: 'unknown-key', location: { file: 'headgate.yaml', line: 1, column: 1 } },
      ],
    })
  })

  it('--print shows every value with its origin, in a form that loads again', async () => {
    const yaml = `${MINIMAL}limits:\n  url: "\${URL_LIMIT:-4KiB}"\n`
    const cwd = folderWith({ 'headgate.yaml': yaml })
    const { code, stdout } = await runCli(['check', '--print'], { cwd })
    expect(code).toBe(0)
    expect(stdout).toContain('\nacceptor: auto # default\n')
    expect(stdout).toContain('\n  url: 4KiB # headgate.yaml:3\n')
    expect(stdout).toMatch(/\nworkers: auto # default; \d+ \(auto: .+ the acceptor\)\n/)
    const again = await runCli(['check', '--json', '--print'], {
      cwd: folderWith({ 'headgate.yaml': stdout }),
    })
    const first = await runCli(['check', '--json', '--print'], { cwd })
    expect(JSON.parse(again.stdout).config).toEqual(JSON.parse(first.stdout).config)
  })

  it('--print does not show what came from a file, nor what filters get from the environment', async () => {
    const cwd = folderWith({
      'headgate.yaml': `upstreams: { app: { peers: ["\${file:peer}"] } }
routes: [{ upstream: app, filters: [{ use: headers, with: { request: { set: { x-key: "\${KEY}" } } } }] }]\n`,
      peer: 'secret.example:1',
    })
    const { code, stdout } = await runCli(['check', '--print'], { cwd, env: { KEY: 'swordfish' } })
    expect(code).toBe(0)
    expect(stdout).not.toMatch(/swordfish|secret\.example/)
    expect(stdout).toContain('${KEY}')
  })

  it('accepts the example of this repository, from any folder', async () => {
    const example = new URL('../../examples/headgate.yaml', import.meta.url).pathname
    const { code, stdout, stderr } = await runCli(['check', '--config', example], { cwd: folderWith({}) })
    expect(stderr).toBe('')
    expect(stdout).toContain('2 upstreams, 2 routes, 3 filters')
    expect(code).toBe(0)
  })
})

describe('schema', () => {
  it('prints the JSON Schema', async () => {
    const { code, stdout } = await runCli(['schema'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(configJsonSchema())))
  })

  it('writes it to a file, with the folders before it', async () => {
    const cwd = folderWith({})
    const { code, stdout } = await runCli(['schema', '--out', 'a/b/schema.json'], { cwd })
    expect([code, stdout]).toEqual([0, ''])
    expect(JSON.parse(readFileSync(join(cwd, 'a/b/schema.json'), 'utf8')).title).toBe(
      'Headgate configuration',
    )
  })

  it('exits 1 when it cannot write', async () => {
    const cwd = folderWith({ file: '' })
    const { code, stderr } = await runCli(['schema', '--out', 'file/schema.json'], { cwd })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^cannot write file\/schema\.json: /)
    expect(existsSync(join(cwd, 'file/schema.json'))).toBe(false)
  })
})
