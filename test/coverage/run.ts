import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ScriptCoverage } from './script-coverage.js'

/**
 * `npm run coverage`: runs the tests and tells which share of the lines of `src/` has run, in the tests' processes, in the gateways that they
 * start and in all threads of both. A thread that is terminated and a process that is killed leave no trace, nor does a process behind a CPU profile, so
 * the truth is a little higher.
 *
 *     npm run coverage                               everything; fails below the thresholds
 *     npm run coverage -- --rooms                    the four rooms by their own tests, in a minute or two; fails below thresholds of their own
 *     npm run coverage -- test/mailbox test/cache    those tests only, no thresholds
 *
 * All lines that have not run are listed in `coverage/missed.txt`. Exits with 1 if a test fails or a threshold is missed.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Per cent of lines that must have run: `all` by all tests, `own` by those of {@link ROOM_TESTS}, for whom the rest of `src` does not count. */
const GROUPS = [
  { name: 'src', all: 95, own: 0 },
  { name: 'src/mailbox', all: 98, own: 98 },
  { name: 'src/cache', all: 98, own: 98 },
  { name: 'src/acceptor', all: 98, own: 98 },
  { name: 'src/upstream/http1', all: 98, own: 98 },
] as const
/** The tests of the four rooms themselves, as far as they are quick: counting makes the whole suite too slow for every change. */
const ROOM_TESTS = [
  'test/mailbox/',
  'test/cache/',
  'test/cache-rules/',
  'test/cache-gateway/',
  'test/acceptor/',
  ...['connection', 'early-answer', 'limit', 'response', 'streaming', 'timeout'].map(
    (rows) => `test/conformance/${rows}-rows`,
  ),
  'test/tls/',
  'test/upgrade/',
  'test/upstream-http1/',
  'test/upstream-dns/',
]
/** How often what has been written is added up while the tests run. */
const ABSORB_MS = 5_000

const args = process.argv.slice(2)
const areRooms = args.includes('--rooms')
const tests = areRooms ? ROOM_TESTS : args
/** Null: nothing is judged. */
const judgedBy = areRooms ? 'own' : args.length === 0 ? 'all' : null
const folder = mkdtempSync(join(tmpdir(), 'headgate-coverage-'))
const coverage = new ScriptCoverage(folder)
try {
  const status = await runTests()
  coverage.absorb()
  const isEnough = await report()
  process.exitCode = status === 0 && isEnough ? 0 : 1
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
  for (const group of GROUPS) {
    const { lines, ran } = totals.get(group.name) ?? { lines: 0, ran: 0 }
    const share = lines === 0 ? 0 : (100 * ran) / lines
    const threshold = judgedBy === null ? 0 : group[judgedBy]
    isEnough &&= share >= threshold
    const wanted = threshold === 0 ? '' : `, at least ${threshold} %${share >= threshold ? '' : '  TOO LOW'}`
    const figures = `${share.toFixed(2).padStart(6)} %  ${ran} of ${lines} lines`
    process.stdout.write(`${group.name.padEnd(20)}${figures}${wanted}\n`)
  }
  return isEnough
}
