import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { scriptOptions } from '../support/script-options.js'
import { type FuzzReport, fuzzRequests } from './request-fuzzer.js'
import { fuzzResponses } from './response-fuzzer.js'

const USAGE = 'npm run fuzz -- [--seconds N] [--seed N] [--only node|uws|responses]'

/** Each side for the same share of the time. @returns whether nothing was found */
async function main(): Promise<boolean> {
  const values = scriptOptions(
    {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      only: { type: 'string' },
    },
    USAGE,
  )
  if (values === null) return false
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 32))
  const sides = [...ACCEPTOR_KINDS, 'responses' as const].filter(
    (side) => values.only === undefined || side === values.only,
  )
  const seconds = Number(values.seconds) / sides.length
  if (sides.length === 0 || !(seconds > 0) || !Number.isInteger(seed)) {
    process.stderr.write(`usage: ${USAGE}\n`)
    return false
  }
  let isClean = true
  for (const side of sides) {
    process.stdout.write(`${side}: seed ${seed}, ${Math.round(seconds)} s\n`)
    const options = { seed, seconds }
    const report = side === 'responses' ? await fuzzResponses(options) : await fuzzRequests(side, options)
    show(side, report)
    isClean &&= report.finds.length === 0
  }
  return isClean
}

function show(side: string, { inputs, perSecond, accepted, corpus, finds }: FuzzReport): void {
  process.stdout.write(
    `${side}: ${inputs} inputs (${perSecond}/s), ${accepted} of them accepted in part or whole, corpus of ${corpus}, ` +
      `${finds.length} finds\n`,
  )
  for (const { input, problems } of finds) {
    process.stdout.write(
      `${JSON.stringify(input)}\n${problems.map((problem) => `    ${problem}\n`).join('')}`,
    )
  }
}

process.exitCode = (await main()) ? 0 : 1
