import { statSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { packageEntry } from './package-entry.js'
import { assertPlainData, NotPlainData } from './plain-data.js'
import type { Path } from './problem.js'
import type { ResolveContext } from './resolve-context.js'
import type { ParsedConfig } from './schema.js'
import { suggest } from './suggest.js'
import { BUILTIN_FILTERS, type BuiltinFilterName, type FilterOptions, type FilterRef } from './types.js'

type ParsedFilter = NonNullable<ParsedConfig['routes']>[number]['filters'][number]

const EXTENSIONS = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']

/** A filter as something to load, or null after a problem was noted. */
export function resolveFilter(parsed: ParsedFilter, path: Path, context: ResolveContext): FilterRef | null {
  const name = typeof parsed === 'string' ? parsed : parsed.use
  const usePath = typeof parsed === 'string' ? path : [...path, 'use']
  const options = typeof parsed === 'string' ? null : checkOptions(parsed.with, [...path, 'with'], context)
  const builtin = BUILTIN_FILTERS.find((candidate) => candidate === name)
  if (builtin !== undefined) return { kind: 'builtin', name: builtin satisfies BuiltinFilterName, options }
  const file = isPath(name) ? moduleFile(name, usePath, context) : packageFile(name, usePath, context)
  return file === null ? null : { kind: 'module', name, specifier: pathToFileURL(file).href, options }
}

function isPath(name: string): boolean {
  return /^(?:\.{1,2}\/|\/|file:)/.test(name)
}

function moduleFile(name: string, path: Path, context: ResolveContext): string | null {
  const file = name.startsWith('file:') ? fromUrl(name) : resolve(context.baseFolder, name)
  if (file !== null && isFile(file)) {
    if (EXTENSIONS.includes(extname(file))) return file
    context.report('invalid-filter', path, `'${name}' is not a module`, {
      hint: `its name ends in ${EXTENSIONS.join(', ')}`,
    })
    return null
  }
  const other =
    file === null
      ? undefined
      : EXTENSIONS.map((extension) => swap(name, extension)).find((candidate) =>
          isFile(resolve(context.baseFolder, candidate)),
        )
  const hint = other === undefined ? `it is looked for in ${context.baseFolder}` : `did you mean '${other}'?`
  context.report('not-found', path, `there is no file '${name}'`, { hint })
  return null
}

function packageFile(name: string, path: Path, context: ResolveContext): string | null {
  const file = packageEntry(name, context.baseFolder)
  if (file !== null) return file
  const near = suggest(name, BUILTIN_FILTERS)
  const local = [name, ...EXTENSIONS.map((extension) => `${name}${extension}`)].find((candidate) =>
    isFile(resolve(context.baseFolder, candidate)),
  )
  let hint = `built in are ${BUILTIN_FILTERS.join(', ')}; a file starts with './'`
  if (local !== undefined) hint = `did you mean './${local}'?`
  else if (near !== null) hint = `did you mean '${near}'?`
  context.report('not-found', path, `there is no filter and no installed package '${name}'`, { hint })
  return null
}

/** Options travel to worker threads, so they must be plain data; only a TypeScript or JavaScript config can hold others. */
function checkOptions(
  options: Record<string, unknown> | undefined,
  path: Path,
  context: ResolveContext,
): FilterOptions {
  if (options === undefined) return null
  try {
    assertPlainData(options, 'with')
    return structuredClone(options)
  } catch (error) {
    const hint =
      error instanceof NotPlainData ? error.message : 'no handles: they cannot travel to worker threads'
    context.report('invalid-value', path, 'options must be plain data', { hint })
    return null
  }
}

function swap(name: string, extension: string): string {
  return `${name.slice(0, name.length - extname(name).length)}${extension}`
}

function fromUrl(url: string): string | null {
  try {
    return fileURLToPath(url)
  } catch {
    return null
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
