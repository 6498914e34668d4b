import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Conditions of Node's `import`, in no order: the package's own order decides. */
const CONDITIONS: ReadonlySet<string> = new Set(['node', 'import', 'module-sync', 'default'])

/**
 * The file that `import` of a bare specifier gives from a folder: Node's resolution of packages without patterns in
 * `exports`. `import.meta.resolve` takes no other parent than the module that calls it, and `require.resolve` does not
 * see packages that are ESM only.
 * @returns absolute path, or null when there is no such package or entry.
 */
export function packageEntry(specifier: string, fromFolder: string): string | null {
  const match = /^(@[^/]+\/[^/]+|[^@./][^/]*)(\/.+)?$/.exec(specifier)
  if (match === null) return null
  const [, name = '', rest = ''] = match
  for (let folder = fromFolder; ; folder = dirname(folder)) {
    const self = readPackage(folder)
    // A package may name itself, if it declares exports.
    const isSelf = self !== null && self['name'] === name && self['exports'] !== undefined
    const found = isSelf ? folder : join(folder, 'node_modules', name)
    const manifest = isSelf ? self : readPackage(found)
    if (manifest !== null) return entryOf(found, manifest, `.${rest}`)
    if (folder === dirname(folder)) return null
  }
}

function entryOf(folder: string, manifest: Record<string, unknown>, subpath: string): string | null {
  const exported: unknown = manifest['exports']
  if (exported !== undefined && exported !== null) {
    const target = pick(isSubpathMap(exported) ? exported[subpath] : subpath === '.' ? exported : null)
    return target === null ? null : existing(join(folder, target))
  }
  if (subpath !== '.') return existing(join(folder, subpath))
  const main: unknown = manifest['main']
  const candidates = typeof main === 'string' ? [main, `${main}.js`, `${main}/index.js`] : []
  for (const candidate of [...candidates, 'index.js']) {
    const file = existing(join(folder, candidate))
    if (file !== null) return file
  }
  return null
}

function isSubpathMap(exported: unknown): exported is Record<string, unknown> {
  return (
    typeof exported === 'object' &&
    exported !== null &&
    Object.keys(exported).some((key) => key.startsWith('.'))
  )
}

function pick(target: unknown): string | null {
  if (typeof target === 'string') return target
  if (Array.isArray(target)) return target.map(pick).find((found) => found !== null) ?? null
  if (typeof target !== 'object' || target === null) return null
  for (const [condition, inner] of Object.entries(target)) {
    if (!CONDITIONS.has(condition)) continue
    const found = pick(inner)
    if (found !== null) return found
  }
  return null
}

function readPackage(folder: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function existing(file: string): string | null {
  return existsSync(file) && !file.endsWith('/') ? file : null
}
