import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { folderWith } from '../config/support.js'
import { benchModule } from './bench-module.js'

interface Micro {
  readonly name: string
  readonly title: string
  readonly tables: readonly { readonly columns: readonly string[]; readonly rows: readonly string[][] }[]
  readonly remarks: readonly string[]
}

const { documentOf, microNames } = (await benchModule('lib/micros.mjs')) as {
  documentOf(value: unknown): Micro
  microNames(): readonly string[]
}
const { microText } = (await benchModule('report/micro-text.mjs')) as { microText(value: unknown): string }
const { ownTraces, readTrace } = (await benchModule('lib/traces.mjs')) as {
  ownTraces(): readonly { readonly name: string; readonly file: string }[]
  readTrace(file: string): readonly string[]
}
const TRACES = fileURLToPath(new URL('../../bench/data/traces/README.md', import.meta.url))
const LIB = fileURLToPath(new URL('../../bench/lib/document.mjs', import.meta.url))

const SCRIPT = `import { about, addRemark, addTable, short } from ${JSON.stringify(LIB)}
about('Part', 'Why.')
addTable('sizes', ['room', 'hits'], [['10 %', short ? 1 : 2]])
addRemark('By hand.')
if (process.env.FAILS) throw new Error('no')
`

it('every script of bench/micro is found', () => {
  expect(microNames()).toEqual(expect.arrayContaining(['codec', 'hop', 'record', 'router', 'connector']))
})

it('a script prints one JSON document, or Markdown; and half a document is none', async () => {
  const run = promisify(execFile)
  const script = join(folderWith({ 'part.mjs': SCRIPT }), 'part.mjs')
  const { stdout } = await run(process.execPath, [script, '--json', '--short'])
  const document = documentOf(JSON.parse(stdout))
  expect(document).toMatchObject({ name: 'part', title: 'Part', remarks: ['By hand.'] })
  expect(document.tables).toEqual([{ title: 'sizes', columns: ['room', 'hits'], rows: [['10 %', '1']] }])
  expect(microText(document)).toBe(
    '### Part\n\nWhy.\n\n**sizes**\n\n| room | hits |\n|---|---|\n| 10 % | 1 |\n\n- By hand.',
  )
  expect((await run(process.execPath, [script])).stdout).toContain('| 10 % | 2 |')
  const failed = await run(process.execPath, [script, '--json'], {
    env: { ...process.env, FAILS: '1' },
  }).catch((error: { stdout: string }) => error)
  expect(failed.stdout).toBe('')
})

it('what is no document is refused, and a part that failed is named with its reason', () => {
  expect(() =>
    documentOf({ name: 'x', title: 'X', tables: [{ columns: ['a'], rows: [['1', '2']] }] }),
  ).toThrow('a row is not as long')
  expect(() => documentOf({ tables: [] })).toThrow('no name')
  expect(microText({ name: 'x', failed: 'exit code 1' })).toBe('### x\n\nNot measured: exit code 1.')
})

it('each trace beside the bench of the index is what its README says of it', () => {
  const traces = ownTraces()
  expect(traces.map(({ name }) => name)).toEqual(['multi3', 'sprite', 'web12'])
  const rows = readFileSync(TRACES, 'utf8').split('\n')
  for (const { name, file } of traces) {
    const cells = rows.find((row) => row.startsWith(`| \`${name}\``))?.split('|')
    const keys = readTrace(file)
    const numbers = [cells?.[2], cells?.[3]].map((cell) => Number(cell?.replaceAll(',', '')))
    expect(numbers).toEqual([keys.length, new Set(keys).size])
  }
})

it('a trace of the user is a key a line, gzipped or not', () => {
  const file = join(folderWith({ 'my.txt': 'a\n\nb\na\n' }), 'my.txt')
  expect(readTrace(file)).toEqual(['a', 'b', 'a'])
  writeFileSync(file, gzipSync('c\nd'))
  expect(readTrace(file)).toEqual(['c', 'd'])
})
