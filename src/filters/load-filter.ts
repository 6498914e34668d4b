import type { z } from 'zod'
import type { BuiltinFilterName, FilterOptions, FilterRef } from '../config/types.js'
import { type Filter, HOOK_NAMES } from '../lifecycle/filter.js'
import type { RateLimitLog } from './shared-rate-limit.js'

/** What built-in filters share with those of other workers. */
export interface FilterShared {
  /** Of the `GcraTable`. */
  readonly rateLimits?: SharedArrayBuffer | undefined
  /** Tells the filter from others of its kind, the same in all workers. */
  readonly scope?: string
  /** Hears of trouble that no session can tell of. */
  readonly log?: RateLimitLog | undefined
}

/** A filter that cannot be used: its module, its options or its shape is wrong. */
export class FilterLoadError extends Error {
  override readonly name = 'FilterLoadError'
}

const OTHER_KEYS: ReadonlySet<string> = new Set(['name', 'bufferRequestBody', 'bufferResponseBody'])
const HOOKS: ReadonlySet<string> = new Set(HOOK_NAMES)

/**
 * Loads one filter of the configuration in the thread that will run it. A `.ts` module is translated on the fly.
 * @throws FilterLoadError with the filter's name and what is wrong
 */
export async function loadFilter(ref: FilterRef, shared: FilterShared = {}): Promise<Filter> {
  if (ref.kind === 'builtin') return loadBuiltin(ref.name, ref.options, shared)
  const exported = await importDefault(ref.name, ref.specifier)
  const filter = typeof exported === 'function' ? await build(ref.name, exported, ref.options) : exported
  if (typeof exported !== 'function' && ref.options !== null) {
    throw new FilterLoadError(
      `filter ${ref.name}: takes no options, but 'with' is given (export a function of the options)`,
    )
  }
  return checkFilter(ref.name, filter)
}

/** Loads the modules of those in use alone: a worker without any never reads the validation library. */
async function loadBuiltin(
  name: BuiltinFilterName,
  options: FilterOptions,
  shared: FilterShared,
): Promise<Filter> {
  switch (name) {
    case 'headers': {
      const { createHeadersFilter, headersOptions } = await import('./headers-filter.js')
      return createHeadersFilter(parseOptions(name, headersOptions, options))
    }
    case 'request-id': {
      const { createRequestIdFilter, requestIdOptions } = await import('./request-id-filter.js')
      return createRequestIdFilter(parseOptions(name, requestIdOptions, options))
    }
    case 'compress': {
      const { compressOptions, createCompressFilter } = await import('./coding/index.js')
      return createCompressFilter(parseOptions(name, compressOptions, options)) as Filter
    }
    case 'decompress': {
      const { createDecompressFilter, decompressOptions } = await import('./coding/index.js')
      return createDecompressFilter(parseOptions(name, decompressOptions, options)) as Filter
    }
    case 'rate-limit': {
      const { createRateLimitFilter, rateLimitOptions } = await import('./rate-limit-filter.js')
      const limit = parseOptions(name, rateLimitOptions, options)
      return (await createRateLimitFilter(limit, shared.rateLimits, shared.scope ?? '', shared.log)) as Filter
    }
  }
}

async function importDefault(name: string, specifier: string): Promise<unknown> {
  try {
    const module = await importModule(specifier)
    // A module in CommonJS form arrives with its exports one level deeper.
    const outer = module['default']
    const inner = isRecord(outer) && outer['__esModule'] === true ? outer['default'] : outer
    if (inner === undefined) throw new Error('it has no default export')
    return inner
  } catch (error) {
    throw new FilterLoadError(`filter ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

let typeScript: Promise<unknown> | null = null

async function importModule(specifier: string): Promise<Record<string, unknown>> {
  if (/\.[cm]?ts$/.test(specifier)) {
    // For the whole thread, not by `tsImport`: that one loads a second copy of all that the filter imports, this package
    // included, and what the filter throws would be of that copy's classes.
    typeScript ??= registerTypeScript()
    await typeScript
  }
  return import(specifier)
}

async function registerTypeScript(): Promise<void> {
  const [esm, cjs] = await Promise.all([import('tsx/esm/api'), import('tsx/cjs/api')])
  esm.register()
  // A file whose package says nothing of modules counts as CommonJS and goes through `require`.
  cjs.register()
}

// biome-ignore lint/complexity/noBannedTypes: a user's export; what it returns is checked
async function build(name: string, factory: Function, options: FilterOptions): Promise<unknown> {
  try {
    return await Reflect.apply(factory, undefined, [options ?? {}])
  } catch (error) {
    throw new FilterLoadError(`filter ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

/** What may be run as a filter. @param name for the message. @throws FilterLoadError for anything else, e.g. a misspelt hook */
export function checkFilter(name: string, value: unknown): Filter {
  if (!isRecord(value)) throw new FilterLoadError(`filter ${name}: the default export is not a filter`)
  if (typeof value['name'] !== 'string' || value['name'] === '') {
    throw new FilterLoadError(`filter ${name}: a filter needs a 'name'`)
  }
  // An instance of a class may have whatever it likes beside its hooks.
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) {
    const unknown = Object.keys(value).find((key) => !OTHER_KEYS.has(key) && !HOOKS.has(key))
    if (unknown !== undefined) {
      throw new FilterLoadError(`filter ${name}: unknown hook '${unknown}'; known: ${HOOK_NAMES.join(', ')}`)
    }
  }
  for (const hook of HOOK_NAMES) {
    if (value[hook] !== undefined && typeof value[hook] !== 'function') {
      throw new FilterLoadError(`filter ${name}: hook '${hook}' is not a function`)
    }
  }
  return value as unknown as Filter
}

function parseOptions<T>(name: string, schema: z.ZodType<T>, options: FilterOptions): T {
  const parsed = schema.safeParse(options ?? {})
  if (parsed.success) return parsed.data
  // All of them: of a key that is misspelt, the one that is missing says less than the one that nobody knows.
  const problems = parsed.error.issues.map(({ message, path }) =>
    path.length === 0 ? message : `${message} at ${path.join('.')}`,
  )
  throw new FilterLoadError(`filter ${name}: ${problems.join('; ')}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
