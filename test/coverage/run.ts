import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ScriptCoverage } from './script-coverage.js'

/**
 * `npm run coverage`: runs the tests and tells which share of the lines of `src/` has run, in the tests' processes, in the gateways that they
 * start and in all threads of both. A thread that is terminated and a process that is killed leave no trace, so the truth is a little higher.
 *
 *     npm run coverage                               everything; fails below the thresholds
 *     npm run coverage -- test/mailbox test/cache    those tests only, no thresholds
 *
 * All lines that have not run are listed in `coverage/missed.txt`. Exits with 1 if a test fails or a threshold is missed.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Per cent of lines: what is asked for, and what a run must have at least, which is what there was when it was measured last. */
const GROUPS = [
  { name: 'src', wanted: 95, threshold: 95 },
  { name: 'src/mailbox', wanted: 98, threshold: 98 },
  { name: 'src/cache', wanted: 98, threshold: 98 },
  { name: 'src/acceptor', wanted: 98, threshold: 95 },
  { name: 'src/upstream/http1', wanted: 98, threshold: 95 },
] as const
/** How often what has been written is added up while the tests run. */
const ABSORB_MS = 5_000

const tests = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), 'headgate-coverage-'))
const coverage = new ScriptCoverage(folder)
try {
  const status = await runTests()
  coverage.absorb()
  const isEnough = await report()
  process.exitCode = status === 0 && (isEnough || tests.length > 0) ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function runTests(): Promise<number | null> {
  const absorbing = setInterval(() => coverage.absorb(), ABSORB_MS)
  const vitest = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      'test/coverage/vitest.config.ts',
      ...tests,
    ],
    { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NODE_V8_COVERAGE: folder } },
  )
  return new Promise((resolve) => {
    vitest.once('close', (status) => {
      clearInterval(absorbing)
      resolve(status)
    })
  })
}

async function report(): Promise<boolean> {
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
  let isEnough = true
  for (const { name, wanted, threshold } of GROUPS) {
    const { lines, ran } = totals.get(name) ?? { lines: 0, ran: 0 }
    const share = lines === 0 ? 0 : (100 * ran) / lines
    isEnough &&= share >= threshold
    const verdict = share >= threshold ? '' : '  TOO LOW'
    const figures = `${share.toFixed(2).padStart(6)} %  ${ran} of ${lines} lines`
    process.stdout.write(
      `${name.padEnd(20)}${figures}, at least ${threshold} %, wanted ${wanted} %${verdict}\n`,
    )
  }
  return isEnough
}
