import { type Command, InvalidArgumentError } from 'commander'
import { parseAdmin, parseListen, parsePeer } from '../config/address.js'
import { ConfigError } from '../config/config-error.js'
import { InvalidValue } from '../config/invalid-value.js'
import type { LoadedConfig, LoadOptions } from '../config/load.js'
import type { Overrides } from '../config/overrides.js'
import { parseDuration } from '../config/units.js'
import { ACCEPTORS, LOG_LEVELS, parseChoice, parseWorkers } from '../config/values.js'
import { packageVersion } from '../config/version.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { inlineMore } from './inline-more.js'
import type { Finish } from './main.js'
import { reportProblems } from './report-problems.js'

interface RunOptions extends Overrides {
  readonly config?: string
  readonly demo?: boolean
  readonly watch?: boolean
  readonly upgrade?: boolean
}

/** `headgate run`: the gateway, until a signal ends it. */
export function addRunCommand(program: Command, finish: Finish): void {
  program
    .command('run')
    .description('run the gateway until SIGTERM or SIGINT drains it')
    .option('--config <file>', 'config file (default: headgate.config.ts, headgate.yaml, ... in this folder)')
    .option(
      '--upstream <url>',
      'send everything there; more than one: peers that share the load',
      checkedList(parsePeer),
    )
    .option('--listen <host:port>', 'where clients connect (default: 127.0.0.1:8080)', checked(parseListen))
    .option(
      '--admin <host:port|off>',
      'admin listener; other than loopback needs a token (default: 127.0.0.1:9901)',
      checked(parseAdmin),
    )
    .option('--workers <n|auto>', 'worker threads (default: auto)', checked(parseWorkers))
    .option(
      '--acceptor <kind>',
      'uws, node or auto (default: auto)',
      checked((text) => parseChoice(text, ACCEPTORS)),
    )
    .option(
      '--log-level <level>',
      `${LOG_LEVELS.join(', ')} (default: info)`,
      checked((text) => parseChoice(text, LOG_LEVELS)),
    )
    .option(
      '--max-worker-age <duration>',
      'replace workers that are older, without losing a request (default: none)',
      checked((text) => parseDuration(text)),
    )
    .option('--watch', 'reload when the configuration, a filter or a certificate changes')
    .option('--upgrade', 'take the place of the gateway that listens there, without a gap: it drains')
    .option('--demo', 'start a demo origin too, and send everything there')
    .action(async (options: RunOptions, command: Command) => {
      if (options.demo === true && options.upstream !== undefined) {
        command.error('error: --demo brings its own upstream: leave one of --demo and --upstream out')
      }
      finish(await run(options))
    })
}

/** Validates a flag and keeps it as typed: it takes the same way through the schema as a value of the file. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    try {
      parse(text)
      return text
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      throw new InvalidArgumentError(error.hint === null ? error.message : `${error.message} (${error.hint})`)
    }
  }
}

function checkedList(parse: (text: string) => unknown): (text: string, previous?: string[]) => string[] {
  const one = checked(parse)
  return (text, previous = []) => [...previous, one(text)]
}

async function run(options: RunOptions): Promise<ExitCode> {
  const origin = options.demo === true ? await startDemo() : null
  try {
    const all = origin === null ? options : { ...options, upstream: [origin.url] }
    const loaded = await load(all)
    return loaded === null ? EXIT.config : await start(loaded, all)
  } finally {
    await origin?.close()
  }
}

async function startDemo(): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { startDemoOrigin } = await import('./demo-origin.js')
  return startDemoOrigin()
}

async function load(options: RunOptions): Promise<LoadedConfig | null> {
  const { loadConfig } = await import('../config/load.js')
  try {
    const loaded = await loadConfig(loadOptions(options))
    reportProblems(loaded.warnings)
    return loaded
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    reportProblems(error.problems)
    return null
  }
}

function loadOptions(options: RunOptions): Pick<LoadOptions, 'file' | 'overrides'> {
  const { config, upstream } = options
  // With an upstream on the command line a file that happens to lie in this folder is not meant.
  const file = config ?? (upstream === undefined ? undefined : null)
  return { overrides: options, ...(file !== undefined && { file }) }
}

async function start(loaded: LoadedConfig, options: RunOptions): Promise<ExitCode> {
  const { config } = loaded
  const [{ createLogger }, { serve }, { startGateway }, { loadInThread }, { watchFiles }] = await Promise.all(
    [
      import('../logging/index.js'),
      import('./serve.js'),
      import('../supervisor/index.js'),
      import('./load-in-thread.js'),
      import('./watch-files.js'),
    ],
  )
  const logger = createLogger(config.log)
  const explainFailure = () => reportFilters(loaded)
  return serve(config, {
    version: packageVersion(),
    logger,
    async startGateway(...what) {
      const gateway = await startGateway(...what)
      inlineMore()
      return gateway
    },
    events: process,
    explainFailure,
    load: () => loadInThread(loadOptions(options)),
    upgrade: options.upgrade === true,
    ...(options.watch === true && { watch: watchFiles }),
  })
}

/**
 * A filter that cannot be loaded fails the start in a worker, where nobody knows its place in the config. Loading it here as
 * well is for the message alone, when the gateway does not run: a running one keeps users' code out of this thread.
 */
async function reportFilters(loaded: LoadedConfig): Promise<ExitCode | null> {
  const { filterProblems } = await import('./filter-problems.js')
  const problems = await filterProblems(loaded)
  reportProblems(problems)
  return problems.length > 0 ? EXIT.config : null
}
