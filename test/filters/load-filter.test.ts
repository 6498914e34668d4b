import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { packageEntry } from '#src/config/package-entry.js'
import type { FilterOptions } from '#src/config/types.js'
import { checkFilter, FilterLoadError, loadFilter } from '#src/filters/index.js'
import { HOOK_NAMES } from '#src/lifecycle/index.js'
import { testFilter } from '#src/testing/index.js'

const folder = new URL('../fixtures/filters/', import.meta.url)
const temporary = mkdtempSync(join(tmpdir(), 'headgate-load-'))
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

function fixture(file: string, options: FilterOptions = null) {
  return loadFilter({ kind: 'module', name: `./${file}`, specifier: new URL(file, folder).href, options })
}

async function failure(file: string, options: FilterOptions = null): Promise<Error> {
  return fixture(file, options).then(
    () => {
      throw new Error('it was loaded')
    },
    (error: Error) => error,
  )
}

describe('loadFilter', () => {
  it.each([
    ['plain.ts', 'plain'],
    ['plain.mts', 'plain-mts'],
    ['plain.cts', 'plain-cts'],
    ['plain.mjs', 'plain-js'],
    ['plain.cjs', 'plain-cjs'],
    ['compiled.cjs', 'compiled'],
    ['later.mjs', 'later'],
  ])('loads %s', async (file, name) => {
    const filter = await fixture(file)
    expect(filter.name).toBe(name)
    expect((await testFilter(filter).request()).phases).toEqual(['requestFilter'])
  })

  it('gives a factory its options, empty when there are none', async () => {
    const hello = await testFilter(await fixture('greet.ts')).request()
    expect(hello.headers.get('x-greeting')).toBe('hello')
    const moin = await testFilter(await fixture('greet.ts', { greeting: 'moin' })).request()
    expect(moin.headers.get('x-greeting')).toBe('moin')
  })

  it('takes an instance of a class, whose hooks keep their `this`', async () => {
    const kit = testFilter(await fixture('class.mjs'))
    await kit.request()
    expect((await kit.request()).headers.get('x-count')).toBe('2')
  })

  it('loads TypeScript of a folder without a package, whose errors mean what they mean everywhere', async () => {
    const project = join(temporary, 'typeless')
    mkdirSync(join(project, 'node_modules'), { recursive: true })
    symlinkSync(fileURLToPath(new URL('../../', import.meta.url)), join(project, 'node_modules', 'headgate'))
    const source = `import { defineFilter, InvalidRequest } from 'headgate'
      export default defineFilter({
        name: 'typeless',
        requestFilter(): void { throw new InvalidRequest('not like this', { status: 422 }) },
      })\n`
    writeFileSync(join(project, 'filter.ts'), source)
    const specifier = pathToFileURL(join(project, 'filter.ts')).href
    const filter = await loadFilter({ kind: 'module', name: './filter.ts', specifier, options: null })
    expect((await testFilter(filter).request()).status).toBe(422)
  })

  it('loads a filter out of a package', async () => {
    const root = join(temporary, 'node_modules', '@acme', 'geo')
    mkdirSync(join(root, 'lib'), { recursive: true })
    writeFileSync(
      join(root, 'package.json'),
      JSON.stringify({ name: '@acme/geo', type: 'module', exports: { '.': './lib/main.js' } }),
    )
    writeFileSync(join(root, 'lib', 'main.js'), "export default { name: 'geo', requestFilter() {} }\n")
    const file = packageEntry('@acme/geo', join(temporary, 'project', 'config'))
    expect(file).not.toBeNull()
    const specifier = pathToFileURL(file ?? '').href
    expect(dirname(file ?? '')).toBe(join(root, 'lib'))
    const filter = await loadFilter({ kind: 'module', name: '@acme/geo', specifier, options: null })
    expect(filter.name).toBe('geo')
  })

  it.each([
    ['nowhere.mjs', /^filter \.\/nowhere\.mjs: Cannot find module/],
    ['nowhere.ts', /^filter \.\/nowhere\.ts: Cannot find module/],
    ['missing-import.mjs', /^filter \.\/missing-import\.mjs: Cannot find module.*nowhere\.mjs/],
    ['no-default.mjs', /^filter \.\/no-default\.mjs: it has no default export$/],
    ['top-level.mjs', /^filter \.\/top-level\.mjs: at the top$/],
    ['syntax.mjs', /^filter \.\/syntax\.mjs: Unexpected end of input$/],
    ['number.mjs', /^filter \.\/number\.mjs: the default export is not a filter$/],
    ['empty-factory.mjs', /^filter \.\/empty-factory\.mjs: the default export is not a filter$/],
    ['nameless.mjs', /^filter \.\/nameless\.mjs: a filter needs a 'name'$/],
    ['no-function.mjs', /^filter \.\/no-function\.mjs: hook 'requestFilter' is not a function$/],
    ['throwing.mjs', /^filter \.\/throwing\.mjs: option "limit" is missing$/],
    ['rejecting.mjs', /^filter \.\/rejecting\.mjs: no connection$/],
  ])('says of %s what is wrong with it', async (file, message) => {
    const error = await failure(file)
    expect(error).toBeInstanceOf(FilterLoadError)
    expect(error.message).toMatch(message)
  })

  it('names all hooks when one is misspelt', async () => {
    const error = await failure('misspelt.mjs')
    expect(error.message).toBe(
      `filter ./misspelt.mjs: unknown hook 'requestFiler'; known: ${HOOK_NAMES.join(', ')}`,
    )
    expect(() => checkFilter('f', { name: 'f', requestFiler() {} })).toThrow(FilterLoadError)
  })

  it('refuses options for a filter that takes none', async () => {
    expect((await failure('plain.mjs', { a: 1 })).message).toBe(
      "filter ./plain.mjs: takes no options, but 'with' is given (export a function of the options)",
    )
  })

  it('refuses what the built-in filters do not know', async () => {
    const load = (options: FilterOptions) => loadFilter({ kind: 'builtin', name: 'headers', options })
    await expect(load({ responce: {} })).rejects.toThrow(/^filter headers: Unrecognized key: "responce"$/)
    const limit = {
      kind: 'builtin',
      name: 'rate-limit',
      options: { limt: 2, window: '1s', by: 'client' },
    } as const
    await expect(loadFilter(limit)).rejects.toThrow(
      /^filter rate-limit: .* at limit; Unrecognized key: "limt"$/,
    )
    await expect(load({ response: { set: { 'x y': '1' } } })).rejects.toThrow(
      /^filter headers: .* at response\.set\.x y$/,
    )
    await expect(load({ response: { set: { x: 'a\nb' } } })).rejects.toThrow(
      'filter headers: not a header value: control characters are refused at response.set.x',
    )
    await expect(load({ request: { append: { 'Transfer-Encoding': 'chunked' } } })).rejects.toThrow(
      FilterLoadError,
    )
    await expect(
      loadFilter({ kind: 'builtin', name: 'request-id', options: { header: '' } }),
    ).rejects.toThrow('filter request-id: not a header name at header')
  })
})
