import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { carriedIds } from './carried-ids.js'
import { CONTRACT } from './contract.js'

export interface ContractCoverage {
  /** `folder/file.test.ts: title` of the tests of each id. */
  readonly tests: ReadonlyMap<string, readonly string[]>
  /** Ids without a test. */
  readonly missing: readonly string[]
  /** Ids in titles that the contract does not have. */
  readonly unknown: readonly string[]
}

/** Not of the suite: long runs, which nobody waits for. */
const APART = 'soak'

/** Looks for the contract's ids in all tests of the suite. @param folder `test/` */
export function contractCoverage(folder: string): ContractCoverage {
  const tests = new Map<string, string[]>(Object.keys(CONTRACT).map((id) => [id, []]))
  const unknown = new Set<string>()
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.test.ts') && !name.startsWith(APART + sep),
  )
  for (const file of files.sort()) {
    for (const { id, title } of carriedIds(readFileSync(join(folder, file), 'utf8'))) {
      const carriers = tests.get(id)
      if (carriers === undefined) unknown.add(`${id} (${file})`)
      else carriers.push(`${file}: ${title}`)
    }
  }
  const missing = [...tests].filter(([, carriers]) => carriers.length === 0).map(([id]) => id)
  return { tests, missing, unknown: [...unknown] }
}
