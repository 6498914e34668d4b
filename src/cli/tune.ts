import { type Command, InvalidArgumentError } from 'commander'
import { parsePeer } from '../config/address.js'
import { ConfigError } from '../config/config-error.js'
import { InvalidValue } from '../config/invalid-value.js'
import type { LoadedConfig } from '../config/load.js'
import { MAX_WORKERS, parseCount } from '../config/values.js'
import { parseMock } from '../load/mock-spec.js'
import type { TuneUpstream } from '../tune/index.js'
import { parseRequest, type SampleRequest } from '../tune/parse-request.js'
import { parseSlo, type Slo } from '../tune/slo.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Finish } from './main.js'
import { reportProblems } from './report-problems.js'

export interface TuneCommandOptions {
  readonly config?: string
  readonly upstream: TuneUpstream
  readonly slo?: Slo
  readonly request?: readonly SampleRequest[]
  readonly connections?: number
  readonly maxWorkers?: number
  readonly rateCap?: number
  readonly quick?: boolean
  readonly write?: boolean
  readonly json?: boolean
  readonly svg?: string
}

/** `headgate tune`: measures the user's own config at several worker counts, and says which to take. */
export function addTuneCommand(program: Command, finish: Finish): void {
  program
    .command('tune')
    .description('measure this configuration on this machine, and find the number of workers')
    .option('--config <file>', 'config file (default: headgate.config.ts, headgate.yaml, ... in this folder)')
    .option(
      '--upstream <mock[:DELAY][,SIZE]|real|url>',
      "what stands for every upstream: a mock that answers after a delay with so many bytes, the config's own peers, or an address (default: mock:5ms,2KB)",
      checked(parseUpstream),
      { kind: 'mock', plan: { delayMs: 5, bodyBytes: 2000 } } satisfies TuneUpstream,
    )
    .option(
      '--slo <p99<20ms>',
      'a percentile of the latency that must hold: p50, p90, p95, p99, p99.9',
      checked(parseSlo),
    )
    .option(
      '--request <request>',
      "'/path', 'GET /path' or 'GET http://host/path'; more than one: by turns (default: one for each route)",
      (text: string, previous: readonly SampleRequest[] = []) => [...previous, checked(request)(text)],
    )
    .option('--connections <n>', 'of clients (default: as many as it takes)', checked(countUpTo(10_000)))
    .option(
      '--max-workers <n>',
      'most to try (default: 1.5 times the cores)',
      checked(countUpTo(MAX_WORKERS)),
    )
    .option(
      '--rate-cap <n>',
      'most requests a second, to spare a real upstream',
      checked(countUpTo(1_000_000)),
    )
    .option('--quick', 'seconds instead of minutes, and a rough answer')
    .option('--write', 'put the number, and the machine it was found on, into the config file')
    .option('--json', 'report as JSON on standard output')
    .option('--svg <file>', 'draw the curve (needs the package echarts)')
    .action(async (options: TuneCommandOptions) => {
      finish(await tune(options))
    })
}

function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      throw new InvalidArgumentError(error.hint === null ? error.message : `${error.message} (${error.hint})`)
    }
  }
}

function parseUpstream(text: string): TuneUpstream {
  if (!/^(?:mock|real)\b(?!\.)/.test(text)) {
    parsePeer(text)
    return { kind: 'url', url: text }
  }
  const plan = parseMock(text)
  return plan === null ? { kind: 'real' } : { kind: 'mock', plan }
}

function request(text: string): SampleRequest {
  const parsed = parseRequest(text)
  if (parsed === null) throw new InvalidValue(`'${text}' is no request`, "e.g. 'GET http://example.com/path'")
  return parsed
}

function countUpTo(most: number): (text: string) => number {
  return (text) => parseCount(text, 1, most)
}

async function tune(options: TuneCommandOptions): Promise<ExitCode> {
  const { loadConfig } = await import('../config/load.js')
  const { config: file } = options
  let loaded: LoadedConfig
  try {
    loaded = await loadConfig(file === undefined ? {} : { file })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    reportProblems(error.problems)
    return EXIT.config
  }
  // What tunedOn says is about to be found anew.
  reportProblems(loaded.warnings.filter(({ code }) => code !== 'stale-tuning'))
  const { runTuneCommand } = await import('./tune-run.js')
  return runTuneCommand(loaded, options)
}
