import { fork } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// All micro-benchmarks, one after the other, each in a process of its own:
//
//   node bench/micro/run.mjs [NAME...]     (npm run bench:micro builds first)
//
// Every file beside this one is one, except what they load themselves.
const FOLDER = fileURLToPath(new URL('.', import.meta.url))
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url))
const HELPERS = ['run.mjs', 'raw-load.mjs']
const all = readdirSync(FOLDER).filter((name) => name.endsWith('.mjs') && !HELPERS.includes(name))
const wanted = process.argv.slice(2)
const chosen = wanted.length === 0 ? all : all.filter((file) => wanted.includes(file.replace('.mjs', '')))
if (chosen.length === 0) {
  console.error(
    `no such micro-benchmark; there are: ${all.map((file) => file.replace('.mjs', '')).join(', ')}`,
  )
  process.exit(2)
}

const groups = []
const failed = []
for (const file of chosen) {
  const code = await new Promise((resolve) => {
    const child = fork(FOLDER + file)
    child.on('message', (group) => groups.push(group))
    child.on('exit', resolve)
  })
  if (code !== 0) failed.push(file)
}
// A part of them must not stand in the report for all.
if (wanted.length === 0) {
  mkdirSync(RESULTS, { recursive: true })
  const date = new Date().toISOString().slice(0, 10)
  writeFileSync(
    `${RESULTS}micro.json`,
    `${JSON.stringify({ date, node: process.version, groups }, null, 1)}\n`,
  )
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
