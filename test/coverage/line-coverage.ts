import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DefaultReporter, type Vitest } from 'vitest/node'
import type { CoverageReport } from './count.js'

const COUNT = fileURLToPath(new URL('count.ts', import.meta.url))

/** The runner's own reporter, which tells before its summary which share of the lines has run, and fails a whole run that has too few. */
export class LineCoverage extends DefaultReporter {
  #vitest: Vitest | null = null
  /** Counts in a process of its own: the runner's has to serve the tests. */
  #counter: ChildProcess | null = null

  override onInit(vitest: Vitest): void {
    super.onInit(vitest)
    this.#vitest = vitest
    const folder = mkdtempSync(join(tmpdir(), 'headgate-coverage-'))
    this.#counter = fork(COUNT, [folder], { execArgv: ['--import', 'tsx'] })
    // Whatever is started from now on inherits it: the tests' processes, and what they start.
    process.env['NODE_V8_COVERAGE'] = folder
  }

  override async onTestRunEnd(...end: Parameters<DefaultReporter['onTestRunEnd']>): Promise<void> {
    const { text, isEnough } = await this.#count(await this.#isWhole(end[0].length))
    this.log(text)
    if (!isEnough) process.exitCode = 1
    super.onTestRunEnd(...end)
  }

  async #isWhole(modules: number): Promise<boolean> {
    const all = await this.#vitest?.globTestSpecifications()
    return modules === all?.length && this.#vitest?.config.testNamePattern === undefined
  }

  async #count(isWhole: boolean): Promise<CoverageReport> {
    const counter = this.#counter
    if (counter === null) throw new Error('nothing was counted')
    const gone = once(counter, 'exit').then(() => {
      throw new Error('the process that counts lines has ended')
    })
    // It ends behind its answer too.
    gone.catch(() => undefined)
    counter.send(isWhole)
    const [report] = await Promise.race([once(counter, 'message'), gone])
    counter.disconnect()
    return report as CoverageReport
  }
}
