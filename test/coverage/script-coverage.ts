import { readdirSync, readFileSync, rmSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { mergeScriptCovs } from '@bcoe/v8-coverage'
import convert from 'ast-v8-to-istanbul'
import { parseAstAsync } from 'vitest/node'

type Scripts = Map<string, Profiler.ScriptCoverage>

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DIST = pathToFileURL(join(ROOT, 'dist/')).href

/** What processes and threads have left in a folder of NODE_V8_COVERAGE, added up by built file. */
export class ScriptCoverage {
  readonly #folder: string
  readonly #scripts: Scripts = new Map()
  /** Lengths of built files, by URL. */
  readonly #lengths = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Adds what is there, and removes it: a whole run leaves gigabytes. What is still being written is left for the next time. */
  absorb(): void {
    const found = new Map<string, Profiler.ScriptCoverage[]>()
    for (const name of readdirSync(this.#folder)) {
      const file = join(this.#folder, name)
      const result = readResult(file)
      if (result === null) continue
      rmSync(file)
      for (const script of result) {
        if (!script.url.startsWith(DIST)) continue
        const url = script.url.replace(/[?#].*$/, '')
        if (!this.#isAsBuilt(url, script)) continue
        found.set(url, [...(found.get(url) ?? []), { ...script, url }])
      }
    }
    for (const [url, scripts] of found) {
      const known = this.#scripts.get(url)
      const merged = mergeScriptCovs(known === undefined ? scripts : [known, ...scripts])
      if (merged !== undefined) this.#scripts.set(url, merged)
    }
  }

  /** What loads TypeScript rewrites what it imports as well: places in such a text are none in ours. */
  #isAsBuilt(url: string, { functions }: Profiler.ScriptCoverage): boolean {
    let length = this.#lengths.get(url)
    if (length === undefined) {
      length = readFileSync(fileURLToPath(url), 'utf8').length
      this.#lengths.set(url, length)
    }
    const outer = functions.map(({ ranges }) => ranges[0])
    return outer.every(
      (range) =>
        range === undefined ||
        (range.startOffset === 0 ? range.endOffset === length : range.endOffset <= length),
    )
  }

  /** @param file built, relative to `dist/`. @returns how often each line of its source that holds a statement has run, by number */
  async linesOf(file: string): Promise<Map<number, number>> {
    const path = join(ROOT, 'dist', file)
    const url = pathToFileURL(path).href
    const code = readFileSync(path, 'utf8')
    const istanbul = await convert({
      code,
      ast: parseAstAsync(code),
      sourceMap: JSON.parse(readFileSync(`${path}.map`, 'utf8')) as never,
      coverage: this.#scripts.get(url) ?? neverLoaded(url, code),
    })
    const lines = new Map<number, number>()
    for (const { s, statementMap } of Object.values(istanbul)) {
      for (const [id, { start }] of Object.entries(statementMap)) {
        lines.set(start.line, Math.max(lines.get(start.line) ?? 0, s[id] ?? 0))
      }
    }
    return lines
  }
}

function readResult(file: string): Profiler.ScriptCoverage[] | null {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { result: Profiler.ScriptCoverage[] }).result
  } catch {
    return null
  }
}

function neverLoaded(url: string, code: string): Profiler.ScriptCoverage {
  const range = { startOffset: 0, endOffset: code.length, count: 0 }
  return { scriptId: '0', url, functions: [{ functionName: '', ranges: [range], isBlockCoverage: true }] }
}
