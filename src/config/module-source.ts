import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ConfigSource, plainSource } from './source.js'

/** Extensions that need a TypeScript loader on Node 20. */
export const TYPESCRIPT_EXTENSIONS: readonly string[] = ['.ts', '.mts', '.cts']

/**
 * Imports a config module and takes its default export. It is imported anew on every call, so that a reload sees changes.
 * @throws whatever the module throws.
 */
export async function moduleSource(file: string, label: string): Promise<ConfigSource> {
  const url = pathToFileURL(file)
  // A fresh query makes a fresh module; tsx starts a fresh namespace by itself.
  url.searchParams.set('loaded', String(process.hrtime.bigint()))
  const namespace = TYPESCRIPT_EXTENSIONS.includes(extname(file))
    ? await importTypeScript(url.href)
    : ((await import(url.href)) as unknown)
  return plainSource(label, defaultExport(namespace))
}

async function importTypeScript(url: string): Promise<unknown> {
  const { tsImport } = await import('tsx/esm/api')
  return (await tsImport(url, import.meta.url)) as unknown
}

/** A module that TypeScript compiles to CommonJS has its default one level deeper. */
function defaultExport(namespace: unknown): unknown {
  const outer = property(namespace, 'default')
  const isInterop = typeof outer === 'object' && outer !== null && '__esModule' in outer
  return isInterop ? property(outer, 'default') : outer
}

function property(from: unknown, key: string): unknown {
  if (typeof from !== 'object' || from === null) return undefined
  return (from as Record<string, unknown>)[key]
}
