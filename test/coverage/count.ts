import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ScriptCoverage } from './script-coverage.js'

/**
 * The process that adds up which share of the lines of `src/` has run while the tests run: in their processes, in the gateways that they start and in
 * all threads of both. A thread that is terminated and a process that is killed leave no trace, nor does a process behind a CPU profile, so the
 * truth is a little higher. Started by {@link LineCoverage} with the folder where those processes write, which it removes in the end.
 */
export interface CoverageReport {
  /** A line for each of {@link GROUPS}. All lines that have not run are listed in `coverage/missed.txt`. */
  readonly text: string
  readonly isEnough: boolean
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** `least`: per cent of lines that all tests must have run. */
const GROUPS = [
  { name: 'src', least: 95 },
  { name: 'src/mailbox', least: 98 },
  { name: 'src/cache', least: 98 },
  { name: 'src/acceptor', least: 98 },
  { name: 'src/upstream/http1', least: 98 },
]
/** How often what has been written is added up: a whole run leaves gigabytes. */
const ABSORB_MS = 5_000

const folder = process.argv[2] ?? ''
const coverage = new ScriptCoverage(folder)
const absorbing = setInterval(() => coverage.absorb(), ABSORB_MS)
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
process.on('disconnect', () => process.exit())
process.once('message', async (isJudged: boolean) => {
  clearInterval(absorbing)
  coverage.absorb()
  process.send?.(await report(isJudged))
})

/** @param isJudged whether all tests have run: what some leave out tells nothing of the thresholds */
async function report(isJudged: boolean): Promise<CoverageReport> {
  const missed: string[] = []
  const totals = new Map(GROUPS.map(({ name }) => [name as string, { lines: 0, ran: 0 }]))
  for (const file of readdirSync(join(ROOT, 'dist'), { recursive: true, encoding: 'utf8' }).sort()) {
    const source = `src/${file.replace(/\.js$/, '.ts')}`
    // The build leaves what it made of files that are gone.
    if (!file.endsWith('.js') || !existsSync(join(ROOT, source))) continue
    const lines = await coverage.linesOf(file)
    const never = [...lines].filter(([, count]) => count === 0).map(([line]) => line)
    if (never.length > 0) missed.push(`${source}: ${never.sort((a, b) => a - b).join(' ')}`)
    for (const [name, total] of totals) {
      if (!source.startsWith(`${name}/`)) continue
      total.lines += lines.size
      total.ran += lines.size - never.length
    }
  }
  mkdirSync(join(ROOT, 'coverage'), { recursive: true })
  writeFileSync(join(ROOT, 'coverage/missed.txt'), `${missed.join('\n')}\n`)
  let text = ''
  let isEnough = true
  for (const { name, least } of GROUPS) {
    const { lines, ran } = totals.get(name) ?? { lines: 0, ran: 0 }
    const share = lines === 0 ? 0 : (100 * ran) / lines
    const isLow = isJudged && share < least
    isEnough &&= !isLow
    const wanted = isJudged ? `, at least ${least} %${isLow ? '  TOO LOW' : ''}` : ''
    text += `\n${name.padEnd(20)}${share.toFixed(2).padStart(6)} %  ${ran} of ${lines} lines${wanted}`
  }
  return { text, isEnough }
}
