import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ModuleKind, ScriptTarget, transpileModule } from 'typescript'

/** Filters in JavaScript, ready for workers to load. */
export interface CompiledFilters {
  /** Where they lie. */
  readonly folder: string
  /** Absolute path of a filter, by the name of its source without `.ts`. */
  path(name: string): string
  remove(): void
}

/**
 * Translates filters once, ahead of the gateway, so that a worker that is started again loads them as fast as users' built
 * filters. They import nothing but types.
 */
export function compileFilters(...sources: readonly URL[]): CompiledFilters {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-filters-'))
  for (const source of sources) {
    const { outputText } = transpileModule(readFileSync(fileURLToPath(source), 'utf8'), {
      compilerOptions: { module: ModuleKind.ESNext, target: ScriptTarget.ES2023, verbatimModuleSyntax: true },
    })
    writeFileSync(join(folder, `${basename(source.pathname, '.ts')}.mjs`), outputText)
  }
  return {
    folder,
    path: (name) => join(folder, `${name}.mjs`),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
