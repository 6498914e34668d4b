import type { Command } from 'commander'
import { ConfigError } from '../config/config-error.js'
import type { LoadedConfig } from '../config/load.js'
import type { ConfigProblem } from '../config/problem.js'
import { EXIT } from './exit-codes.js'
import type { Finish } from './main.js'
import { reportProblems } from './report-problems.js'

interface CheckOptions {
  readonly config?: string
  readonly json?: boolean
  readonly print?: boolean
}

/** `headgate check`: is the config valid, down to the filters it names? Binds nothing and connects nowhere. */
export function addCheckCommand(program: Command, finish: Finish): void {
  program
    .command('check')
    .description('check a configuration, and load the filters that it names')
    .option('--config <file>', 'config file (default: headgate.config.ts, headgate.yaml, ... in this folder)')
    .option('--json', 'report as JSON on standard output')
    .option('--print', 'show the effective configuration, with the origin of each value')
    .action(async (options: CheckOptions) => {
      const { problems, loaded } = await check(options.config)
      const valid = problems.every((problem) => problem.severity === 'warning')
      if (!valid) finish(EXIT.config)
      await print(options, problems, loaded, valid)
    })
}

interface Checked {
  readonly problems: readonly ConfigProblem[]
  /** Null when it could not be read. */
  readonly loaded: LoadedConfig | null
}

async function check(file: string | undefined): Promise<Checked> {
  const { loadConfig } = await import('../config/load.js')
  const { filterProblems } = await import('./filter-problems.js')
  try {
    const loaded = await loadConfig(file === undefined ? {} : { file })
    return { loaded, problems: [...loaded.warnings, ...(await filterProblems(loaded))] }
  } catch (error) {
    if (error instanceof ConfigError) return { loaded: null, problems: error.problems }
    throw error
  }
}

async function print(
  options: CheckOptions,
  problems: readonly ConfigProblem[],
  loaded: LoadedConfig | null,
  valid: boolean,
): Promise<void> {
  const { effectiveConfig } = await import('../config/effective.js')
  const effective = options.print === true && loaded !== null ? effectiveConfig(loaded) : null
  if (options.json === true) {
    const report = {
      valid,
      file: loaded?.config.file ?? null,
      problems,
      ...(effective && { config: effective.value }),
    }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return
  }
  reportProblems(problems)
  if (effective !== null) process.stdout.write(effective.yaml)
  else if (valid && loaded !== null) process.stdout.write(`${summary(loaded, problems.length)}\n`)
}

function summary({ config }: LoadedConfig, warnings: number): string {
  const count = (number: number, word: string) => `${number} ${word}${number === 1 ? '' : 's'}`
  const filters = config.routes.reduce((sum, route) => sum + route.filters.length, 0)
  const parts = [
    count(config.upstreams.length, 'upstream'),
    count(config.routes.length, 'route'),
    count(filters, 'filter'),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ]
  return `${config.file ?? 'the configuration'} is valid: ${parts.join(', ')}`
}
