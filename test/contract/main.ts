import { fileURLToPath } from 'node:url'
import { CONTRACT } from './contract.js'
import { contractCoverage } from './coverage.js'

// `npm run contract [ID...]`: the contract, and the tests that carry each of its ids. Ends with 1 when one has none.
const wanted = process.argv.slice(2)
const { tests, missing, unknown } = contractCoverage(fileURLToPath(new URL('..', import.meta.url)))
for (const [id, carriers] of tests) {
  if (wanted.length > 0 && !wanted.includes(id)) continue
  console.log(`${id}  ${CONTRACT[id] ?? ''}`)
  for (const carrier of carriers) console.log(`      ${carrier}`)
  if (carriers.length === 0) console.log('      NO TEST')
}
for (const id of unknown) console.log(`not in the contract: ${id}`)
console.log(`${tests.size - missing.length} of ${tests.size} have a test`)
if (missing.length > 0) console.log(`without one: ${missing.join(', ')}`)
if (missing.length > 0 || unknown.length > 0) process.exitCode = 1
