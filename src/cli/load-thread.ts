import { parentPort, workerData } from 'node:worker_threads'
import { ConfigError } from '../config/config-error.js'
import { type LoadOptions, loadConfig } from '../config/load.js'
import { assertPlainData } from '../config/plain-data.js'
import { type ConfigProblem, formatProblem } from '../config/problem.js'
import { filterProblems } from './filter-problems.js'
import type { LoadOutcome } from './load-in-thread.js'

async function load(options: LoadOptions): Promise<LoadOutcome> {
  try {
    const loaded = await loadConfig(options)
    const problems = await filterProblems(loaded)
    if (problems.length > 0) return refused(problems)
    assertPlainData(loaded.config, 'config')
    return { config: loaded.config, problems: loaded.warnings.map((warning) => formatProblem(warning)) }
  } catch (error) {
    if (error instanceof ConfigError) return refused(error.problems)
    return { config: null, problems: [error instanceof Error ? error.message : String(error)] }
  }
}

function refused(problems: readonly ConfigProblem[]): LoadOutcome {
  const errors = problems.filter(({ severity }) => severity === 'error')
  return { config: null, problems: errors.map((problem) => formatProblem(problem)) }
}

parentPort?.postMessage(await load(workerData as LoadOptions))
