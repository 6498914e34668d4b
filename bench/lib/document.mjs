import { writeSync } from 'node:fs'
import { basename } from 'node:path'

// What a script of bench/micro has to say: text for who runs it by hand, one JSON document for the report (docs/bench.md).

/** `--short`: the script runs inside `npm run bench` and has about ten seconds. */
export const short = process.argv.includes('--short')

const asJson = process.argv.includes('--json')
const name = basename(process.argv[1] ?? '', '.mjs')
const document = { name, title: name, why: '', tables: [], remarks: [] }

/** Heading of the script's part of the report, and why anybody wants to know, in a sentence. */
export function about(title, why) {
  Object.assign(document, { title, why })
  if (!asJson) console.log(`## ${title}\n\n${why}\n`)
}

/**
 * Adds a table.
 * @param title what the rows have in common; '' when there is one table only
 * @param columns headings; @param rows a list of cells each, strings or numbers
 */
export function addTable(title, columns, rows) {
  const cells = rows.map((row) => row.map(String))
  document.tables.push({ title, columns, rows: cells })
  if (asJson) return
  const lines = [columns, columns.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`)
  console.log(`${title === '' ? '' : `### ${title}\n\n`}${lines.join('\n')}\n`)
}

/** Adds a sentence under the tables: how it was measured, what disturbed it, what is missing and why. */
export function addRemark(text) {
  document.remarks.push(text)
  if (!asJson) console.log(`- ${text}\n`)
}

// At the end, and only of a script that got there: half a document would pass for all of it.
process.on('exit', (code) => {
  if (asJson && code === 0 && document.tables.length > 0) writeSync(1, `${JSON.stringify(document)}\n`)
})
