import { existsSync, readFileSync } from 'node:fs'
import { dirname, extname, isAbsolute, join, relative, resolve } from 'node:path'
import { ConfigError } from './config-error.js'
import { interpolate } from './interpolate.js'
import { configJsonSchema } from './json-schema.js'
import { type SystemReaders, systemReaders } from './machine.js'
import { moduleSource } from './module-source.js'
import { applyOverrides, type Overrides } from './overrides.js'
import type { ConfigProblem, Path, ProblemCode } from './problem.js'
import { resolveConfig } from './resolve.js'
import { configSchema } from './schema.js'
import { schemaProblems } from './schema-problems.js'
import { type ConfigSource, plainSource, problemAt } from './source.js'
import type { GatewayConfig } from './types.js'
import { valueAt } from './value-at.js'

/** Names that are looked for in the working directory, in this order. */
export const CONFIG_FILES: readonly string[] = [
  'headgate.config.ts',
  'headgate.config.mts',
  'headgate.config.js',
  'headgate.config.mjs',
  'headgate.yaml',
  'headgate.yml',
  'headgate.json',
]

export interface LoadOptions {
  /** Config file; null: none, flags alone. Default: the first of {@link CONFIG_FILES} in the working directory. */
  readonly file?: string | null
  readonly overrides?: Overrides
  /** Default `process.cwd()`. */
  readonly cwd?: string
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly readers?: SystemReaders
}

export interface LoadedConfig {
  readonly config: GatewayConfig
  readonly warnings: readonly ConfigProblem[]
  /** What was read, with references and without defaults, to show where values come from. */
  readonly written: WrittenConfig
}

/** The config as the user wrote it. */
export interface WrittenConfig {
  /** Flags laid over the file, references not replaced. */
  readonly raw: unknown
  /** The same with references replaced. */
  readonly value: unknown
  readonly sourceOf: (path: Path) => ConfigSource
}

/**
 * Finds, reads, validates and resolves the configuration.
 * @throws ConfigError with every problem found, if one of them is an error.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<LoadedConfig> {
  const { overrides = {}, cwd = process.cwd(), env = process.env, readers = systemReaders } = options
  const warnings: ConfigProblem[] = []
  const file = findFile(options.file, cwd, warnings)
  const source = file === null ? plainSource('command line', {}) : await readSource(file, cwd)
  const baseFolder = file === null ? cwd : dirname(file)

  const raw = applyOverrides(source.raw, overrides)
  const sourceOf = (path: Path): ConfigSource => raw.sourceOf(path) ?? source
  const { value, faults } = interpolate(raw.value, {
    env,
    readFile: (path) => readFileSync(resolve(baseFolder, path), 'utf8'),
  })
  if (faults.length > 0) {
    throw new ConfigError(
      faults.map(({ path, message, hint, reference }) =>
        problemAt(sourceOf(path), 'unset-variable', path, message, { hint, needle: reference }),
      ),
    )
  }
  const parsed = configSchema.safeParse(value)
  if (!parsed.success) {
    throw new ConfigError(schemaProblems(parsed.error.issues, value, configJsonSchema(), sourceOf))
  }
  const problems: ConfigProblem[] = [...warnings]
  const context = {
    baseFolder,
    isWritten: (path: Path) => valueAt(value, path) !== undefined,
    report: (code: ProblemCode, path: Path, message: string, details = {}) => {
      problems.push(problemAt(sourceOf(path), code, path, message, details))
    },
  }
  const config = resolveConfig(parsed.data, file, context, readers)
  if (problems.some((problem) => problem.severity === 'error')) throw new ConfigError(problems)
  return { config, warnings: problems, written: { raw: raw.value, value, sourceOf } }
}

function findFile(asked: string | null | undefined, cwd: string, warnings: ConfigProblem[]): string | null {
  if (asked === null) return null
  if (asked !== undefined) {
    const file = resolve(cwd, asked)
    if (existsSync(file)) return file
    throw new ConfigError([problemAt(plainSource(asked, null), 'not-found', [], 'there is no such file')])
  }
  const [first, ...others] = CONFIG_FILES.filter((name) => existsSync(join(cwd, name)))
  if (first === undefined) {
    const hint = 'give one with --config FILE, or start without one: --upstream http://127.0.0.1:9000'
    const message = `no config file here: none of ${CONFIG_FILES.join(', ')}`
    throw new ConfigError([problemAt(plainSource(cwd, null), 'not-found', [], message, { hint })])
  }
  for (const other of others) {
    const message = `this file is ignored, because there is ${first}`
    warnings.push(problemAt(plainSource(other, null), 'ignored-file', [], message, { severity: 'warning' }))
  }
  return join(cwd, first)
}

async function readSource(file: string, cwd: string): Promise<ConfigSource> {
  const label = labelOf(file, cwd)
  const extension = extname(file)
  const fail = (code: ProblemCode, message: string, hint: string | null = null): ConfigError =>
    new ConfigError([problemAt(plainSource(label, null), code, [], message, { hint })])
  if (['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'].includes(extension)) {
    const source = await moduleSource(file, label).catch((error: unknown) => {
      throw fail('unreadable', `cannot be loaded: ${error instanceof Error ? error.message : String(error)}`)
    })
    if (source.raw !== undefined) return source
    throw fail('syntax', 'the module has no default export', 'export default defineConfig({ ... })')
  }
  if (!['.yaml', '.yml', '.json'].includes(extension)) {
    throw fail(
      'unreadable',
      `cannot tell the format of a '${extension}' file`,
      'use .yaml, .json, .ts or .js',
    )
  }
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw fail('unreadable', error instanceof Error ? error.message : String(error))
  }
  // Flags alone, or a module, need no YAML.
  const { yamlSource } = await import('./yaml-source.js')
  const result = yamlSource(text, label)
  if (result.problems !== undefined) throw new ConfigError(result.problems)
  if (result.source.raw === null) throw fail('syntax', 'the file is empty', "it needs at least 'upstreams'")
  return result.source
}

/** Relative to the working directory, unless that would climb out of it. */
function labelOf(file: string, cwd: string): string {
  const short = relative(cwd, file)
  return short === '' || short.startsWith('..') || isAbsolute(short) ? file : short
}
