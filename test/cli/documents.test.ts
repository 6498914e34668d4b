import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { folderWith } from '../config/support.js'
import { runCli, startGatewayCli } from './support.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DOCUMENTS = ['README.md', 'docs/configuration.md', 'docs/upstreams.md', 'docs/tuning.md']

/** The first code block of a language that matches. */
function block(document: string, language: string, pattern: RegExp): string {
  const text = readFileSync(join(ROOT, document), 'utf8')
  const blocks = [...text.matchAll(/```(\w*)\n(.*?)```/gs)].filter((match) => match[1] === language)
  const found = blocks.map((match) => match[2] ?? '').find((content) => pattern.test(content))
  if (found === undefined) throw new Error(`${document} has no ${language} block with ${pattern}`)
  return found
}

/** A folder as a user's project: with this package installed. */
function projectWith(files: Readonly<Record<string, string>>): string {
  const folder = folderWith(files)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/headgate'), 'dir')
  return folder
}

describe('README.md', () => {
  it('has a filter and a config that work as they stand', async () => {
    const origin = createServer((_, response) => response.end('hello'))
    origin.listen(0, '127.0.0.1')
    await once(origin, 'listening')
    onTestFinished(() => {
      origin.closeAllConnections()
      origin.close()
    })
    const { port } = origin.address() as AddressInfo
    const cwd = projectWith({
      'filters/greet.ts': block('README.md', 'ts', /defineFilter/),
      'headgate.yaml': block('README.md', 'yaml', /upstreams/).replace('127.0.0.1:9000', `127.0.0.1:${port}`),
    })
    expect((await runCli(['check'], { cwd })).stdout).toContain('is valid: 1 upstream, 1 route, 1 filter')
    const cli = await startGatewayCli([], { cwd })
    const served = await fetch(cli.url)
    expect([await served.text(), served.headers.get('x-served-by')]).toEqual(['hello', 'headgate'])
    expect((await fetch(cli.url, { headers: { 'x-block': '1' } })).status).toBe(403)
  })

  it('names npm scripts and flags that exist', async () => {
    const text = readFileSync(join(ROOT, 'README.md'), 'utf8')
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }
    expect(scripts).toMatchObject({ start: 'node dist/cli.js run --demo', test: expect.any(String) })
    const { stdout } = await runCli(['run', '--help'])
    for (const [flag] of text.matchAll(/--[a-z]+/g)) expect(stdout).toContain(flag)
  })
})

describe('docs/configuration.md', () => {
  it('has a TypeScript config that works as it stands', async () => {
    const cwd = projectWith({ 'headgate.config.ts': block('docs/configuration.md', 'ts', /defineConfig/) })
    const { code, stdout } = await runCli(['check'], { cwd })
    expect([code, stdout]).toEqual([0, expect.stringContaining('headgate.config.ts is valid')])
  })

  it('names commands and flags that exist', async () => {
    const text = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')
    for (const [, command = '', flag = ''] of text.matchAll(/^headgate ([a-z]+)(?: (--[a-z]+))?/gm)) {
      expect((await runCli([command, '--help'])).stdout).toContain(flag)
    }
  })
})

describe('docs/tuning.md', () => {
  it('names flags that exist, and all of them', async () => {
    const text = readFileSync(join(ROOT, 'docs/tuning.md'), 'utf8')
    const { stdout } = await runCli(['tune', '--help'])
    const flags = [...stdout.matchAll(/^ +(?:-h, )?(--[a-z-]+)/gm)].map((match) => match[1])
    const named = new Set([...text.matchAll(/^\| `(--[a-z-]+)/gm)].map((match) => match[1]))
    expect([...named].toSorted()).toEqual(flags.filter((flag) => flag !== '--help').toSorted())
  })

  it('shows a fingerprint that the config accepts', async () => {
    const cwd = projectWith({ 'headgate.yaml': block('docs/tuning.md', 'yaml', /tunedOn/) })
    const { code, stdout } = await runCli(['check'], { cwd })
    expect([code, stdout]).toEqual([0, expect.stringContaining('is valid')])
  })
})

it.each(DOCUMENTS)('%s has no dead link', (document) => {
  const text = readFileSync(join(ROOT, document), 'utf8')
  const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '')
  const dead = links.filter(
    (link) => !/^https?:/.test(link) && !existsSync(resolve(ROOT, dirname(document), link)),
  )
  expect(dead).toEqual([])
})
