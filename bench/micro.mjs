import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { microNames, runMicro } from './lib/micros.mjs'
import { microText } from './report/micro-text.mjs'

// All micro-benchmarks in full length, one after the other:
//
//   node bench/micro.mjs [NAME...]     (npm run bench:micro builds first)
//
// `npm run bench` runs them in their short form; a report without those (`--quick`) takes what this found.
const RESULTS = fileURLToPath(new URL('./results/', import.meta.url))
const names = microNames()
const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !names.includes(name))
if (unknown.length > 0) {
  console.error(`no such micro-benchmark: ${unknown.join(', ')}; there are ${names.join(', ')}`)
  process.exit(2)
}
const documents = []
for (const name of wanted.length === 0 ? names : wanted) {
  const document = await runMicro(name, { short: false, timeoutMs: 300_000 })
  console.log(`${microText(document)}\n`)
  documents.push(document)
}
// A part of them must not stand in the report for all.
if (wanted.length === 0) {
  mkdirSync(RESULTS, { recursive: true })
  const date = new Date().toISOString().slice(0, 10)
  const results = { date, node: process.version, short: false, documents }
  writeFileSync(`${RESULTS}micro.json`, `${JSON.stringify(results, null, 1)}\n`)
}
if (documents.some(({ failed }) => failed !== undefined)) process.exitCode = 1
