import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { checkCgroup, checkFiles } from '#src/cli/doctor-checks.js'
import { loadConfig } from '#src/config/index.js'
import { runCliProcess } from './support.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DEPLOY = join(ROOT, 'examples/deploy')
const read = (name: string): string => readFileSync(join(DEPLOY, name), 'utf8')

/** Lines of a Dockerfile that begin with a word, with the rest of each. */
const instructions = (word: string): string[] =>
  [...read('Dockerfile').matchAll(new RegExp(`^\\s*(?:HEALTHCHECK .*\\\\\\n\\s*)?${word} (.*)$`, 'gm'))].map(
    ([, rest = '']) => rest,
  )

/** Pairs of what the image takes out of the repository, and where it puts it. */
const copies = instructions('COPY').map((line) => {
  const paths = line.split(' ')
  return { from: paths.slice(0, -1), to: paths.at(-1) ?? '' }
})

/** Of a unit of systemd; the last line with a key counts. */
const setting = (key: string): string =>
  [...read('headgate.service').matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].at(-1)?.[1] ?? ''

it('the configuration is valid and fits the limits of the service', async () => {
  const { config } = await loadConfig({ file: join(DEPLOY, 'headgate.yaml'), env: {} })
  const limits = `Max open files            ${setting('LimitNOFILE')}                 4096                 files\n`
  expect(checkFiles(limits, config.limits.connections).result).toBe('ok')
  expect(setting('MemoryMax')).toBe('1G')
  expect(checkCgroup(1024 ** 3, config.overload.memoryBytes).result).toBe('ok')
  const drainS = (config.drain.delayMs + config.drain.timeoutMs) / 1000
  expect(Number(setting('TimeoutStopSec'))).toBeGreaterThan(drainS)
})

it('service and image call commands and options that there are', async () => {
  const calls = [
    setting('ExecStart').split(' ').slice(1),
    setting('ExecReload').split(' ').slice(1),
    ...instructions('CMD').map((line) => (JSON.parse(line) as string[]).slice(2)),
  ]
  expect(calls.map(([command]) => command)).toEqual(['run', 'reload', 'doctor', 'run'])
  for (const [command = '', ...args] of calls) {
    const { code, stdout } = await runCliProcess([command, '--help'])
    expect(code).toBe(0)
    for (const option of args.filter((arg) => arg.startsWith('--'))) expect(stdout).toContain(`${option} `)
    expect(args[args.indexOf('--config') + 1]).toBe('/etc/headgate/headgate.yaml')
  }
  expect(copies.find(({ to }) => to === '/etc/headgate/headgate.yaml')?.from).toEqual([
    'examples/deploy/headgate.yaml',
  ])
})

it('what the image copies is there, and a gateway made of nothing else serves its dashboard', async () => {
  const app = mkdtempSync(join(tmpdir(), 'headgate-image-'))
  onTestFinished(() => rmSync(app, { recursive: true, force: true }))
  for (const { from, to } of copies) {
    for (const path of from) {
      expect(existsSync(join(ROOT, path)), path).toBe(true)
      if (to.startsWith('/')) continue
      const target = to.endsWith('/') ? join(app, to, path) : join(app, to)
      mkdirSync(dirname(target), { recursive: true })
      cpSync(join(ROOT, path), target, { recursive: true })
    }
  }
  // In place of `npm ci`.
  symlinkSync(join(ROOT, 'node_modules'), join(app, 'node_modules'))
  const child = spawn(
    process.execPath,
    [
      'dist/cli.js',
      ...'run --upstream http://127.0.0.1:9 --listen 127.0.0.1:0 --admin 127.0.0.1:0 --workers 1'.split(' '),
    ],
    { cwd: app, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await once(child, 'close')
  })
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  const { start } = JSON.parse(line) as { start: { admin: string } }
  for (const path of ['/', '/dashboard/main.js', '/dashboard/uplot.js', '/live']) {
    expect((await fetch(`${start.admin}${path}`)).status, path).toBe(200)
  }
})

it('what the image needs is in the package too', () => {
  const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { files: string[] }
  const needed = copies.flatMap(({ from, to }) => (to.startsWith('/') ? [] : from))
  expect(files).toEqual(expect.arrayContaining(needed.filter((path) => !path.startsWith('package'))))
})
