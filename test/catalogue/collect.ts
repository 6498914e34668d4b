import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { CATALOGUE } from './rows.js'

const TESTS = fileURLToPath(new URL('..', import.meta.url))
/** No tests of the catalogue: helpers, data, and runs that take longer than it may. */
const ELSEWHERE = /^(?:catalogue\/(?!.*-rows\.test\.ts$)|coverage|fixtures|soak|support)\b/

/** A name in the sources that begins with ids: of a test, of a group of tests, or of a row of a table of tests. */
export interface NamedTest {
  /** Relative to `test/`. */
  readonly file: string
  /** Of the catalogue only. */
  readonly ids: readonly string[]
  /** Without its ids. */
  readonly title: string
}

const IDS = new Set(CATALOGUE.map(({ id }) => id))
/** `A-23 `, `U7 `, `§4.2 `, `B16, `, `A3: `. */
const LEADING_ID = /^(?:([A-Z]-?\d+[a-z]?)|§[\d.]+)[,:]? /
/** A row of a table of tests whose first cell holds the ids, and the second the rest of the name. */
const CELLS = /\[\s*'((?:(?:[A-Z]-?\d+[a-z]?|§[\d.]+) ?)+)',\s*(['"`])((?:(?!\2)[^\\\n]|\\.)*)\2/g
const LITERAL = /(['"`])((?:[A-Z]-?\d+[a-z]?|§[\d.]+)[,:]? (?:(?!\1)[^\\\n]|\\.)*)\1/g

/** The ids of the catalogue that a name begins with, and the rest of it. */
export function readName(name: string): { readonly ids: readonly string[]; readonly title: string } {
  const ids: string[] = []
  let title = name
  for (let match = LEADING_ID.exec(title); match !== null; match = LEADING_ID.exec(title)) {
    const [whole, id] = match
    if (id !== undefined && IDS.has(id)) ids.push(id)
    title = title.slice(whole.length)
  }
  return { ids, title }
}

/** All names with an id of the catalogue, by file. */
export function namedTests(): NamedTest[] {
  const found: NamedTest[] = []
  for (const file of readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.ts') || ELSEWHERE.test(file)) continue
    const text = readFileSync(`${TESTS}/${file}`, 'utf8')
    const cells = [...text.matchAll(CELLS)].map(([, ids = '', , title = '']) => `${ids} ${title}`)
    const literals = [...text.matchAll(LITERAL)].map(([, , name = '']) => name)
    for (const name of [...cells, ...literals]) {
      const { ids, title } = readName(name)
      if (ids.length > 0) found.push({ file, ids, title })
    }
  }
  return found
}

/** Ids in a full name as a report has it: those of the groups around a test are its own as well. */
export function idsWithin(fullName: string): string[] {
  return [...fullName.matchAll(/(?:^|[\s,])([ABC]\d{1,2})(?=[\s,:])/g)]
    .map(([, id = '']) => id)
    .filter((id) => IDS.has(id))
}

/** What a run may be filtered by: names with any id of the catalogue. */
export const NAME_PATTERN = '(^|[\\s,])[ABC]\\d{1,2}[\\s,:]'
