import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { idsWithin, NAME_PATTERN, namedTests } from './collect.js'
import { CATALOGUE } from './rows.js'

/**
 * `npm run catalogue`: runs every test that carries an id of the catalogue, and nothing else.
 *
 *     npm run catalogue             all of them
 *     npm run catalogue -- B5 C7    those of these cases
 *     npm run catalogue -- --list   cases without a test, without running any
 *
 * Tells how long it took. Exits with 1 if that is more than five minutes, if a test fails, if a case has none that passed, or if one that clients see passed on one acceptor only.
 */
/** What a run of all cases may take; slower ones are not run as often as they should be. */
const LONGEST_S = 300
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const args = process.argv.slice(2)
const asked = args.filter((arg) => !arg.startsWith('-'))
const unknown = asked.filter((id) => CATALOGUE.every((row) => row.id !== id))
const rows = asked.length === 0 ? CATALOGUE : CATALOGUE.filter(({ id }) => asked.includes(id))
const tests = namedTests().filter(({ ids }) => rows.some(({ id }) => ids.includes(id)))
const missing = rows.filter(({ id }) => tests.every(({ ids }) => !ids.includes(id)))

for (const id of unknown) process.stdout.write(`${id} is no case of the catalogue\n`)
for (const { id, what } of missing) process.stdout.write(`${id} has no test: ${what}\n`)
const isListed = unknown.length === 0 && missing.length === 0
if (args.includes('--list')) {
  if (isListed) process.stdout.write(`all ${rows.length} cases have a test\n`)
  process.exitCode = isListed ? 0 : 1
} else {
  const beganMs = performance.now()
  const isPassed = run()
  const tookS = (performance.now() - beganMs) / 1000
  const isQuick = tookS <= LONGEST_S
  process.stdout.write(`${tookS.toFixed(0)} s${isQuick ? '' : `, but at most ${LONGEST_S} s are allowed`}\n`)
  process.exitCode = isPassed && isListed && isQuick ? 0 : 1
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

function run(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-catalogue-'))
  const output = join(folder, 'report.json')
  const pattern = asked.length === 0 ? NAME_PATTERN : `(^|[\\s,])(${asked.join('|')})[\\s,:]`
  try {
    const { status } = spawnSync(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        ...['run', '-t', pattern, '--reporter', 'dot', '--reporter', 'json', '--outputFile', output],
        ...testFiles(),
      ],
      { cwd: ROOT, stdio: 'inherit' },
    )
    return verdict(JSON.parse(readFileSync(output, 'utf8')) as Report) && status === 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The files of tests; a table of tests stands beside the files that use it, so its whole folder is looked at. */
function testFiles(): string[] {
  return [
    ...new Set(
      tests.map(({ file }) => `test/${file.endsWith('.test.ts') ? file : file.replace(/[^/]*$/, '')}`),
    ),
  ]
}

/** Tells of each case how many tests passed. @returns whether each has one, on both acceptors where it must be */
function verdict(report: Report): boolean {
  const passed = report.testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed')
  let isComplete = true
  for (const { id, what, onBoth } of rows) {
    const names = passed.map(({ fullName }) => fullName).filter((name) => idsWithin(name).includes(id))
    const lacking = onBoth
      ? ['node', 'uws'].filter((kind) => !names.some((name) => new RegExp(`\\b${kind}\\b`).test(name)))
      : []
    const isRight = names.length > 0 && lacking.length === 0
    isComplete &&= isRight
    const note = isRight ? '' : lacking.length > 0 ? `, none over ${lacking.join(', ')}` : ', NONE'
    process.stdout.write(`${id.padEnd(4)} ${String(names.length).padStart(4)} passed${note}  ${what}\n`)
  }
  return isComplete
}
