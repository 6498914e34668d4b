import { type Command, InvalidArgumentError } from 'commander'
import { InvalidValue } from '../config/invalid-value.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Finish } from './main.js'

interface BenchOptions {
  readonly config?: string
  readonly upstream: string
  readonly path: readonly string[]
  readonly header: readonly string[]
  readonly connections: number
  readonly seconds: number
  readonly rounds: number
  readonly rate?: number
  readonly json?: boolean
}

/** `headgate bench`: throughput, latency and CPU per request of the user's own config on this machine. */
export function addBenchCommand(program: Command, finish: Finish): void {
  program
    .command('bench')
    .description(
      'measure a configuration on this machine: highest throughput, latency below it, CPU per request',
    )
    .option('--config <file>', 'config file (default: headgate.config.ts, headgate.yaml, ... in this folder)')
    .option(
      '--upstream <origin>',
      "'mock', 'mock:5ms,2KB' (delay and size of its answers), or 'real': the config's own, which get the load",
      'mock',
    )
    .option('--path <path>', 'what to ask for; several take turns', collect, ['/'])
    .option('--header <name: value>', 'on every request; may be repeated', collectHeader, [])
    .option('--connections <n>', 'kept-alive connections', positive, 64)
    .option('--seconds <s>', 'length of a round', positive, 5)
    .option('--rounds <n>', 'rounds of which the median counts', positive, 3)
    .option(
      '--rate <n>',
      'requests a second of the open loop (default: 50 % and 80 % of the highest)',
      positive,
    )
    .option('--json', 'report as JSON on standard output')
    .action(async (options: BenchOptions) => finish(await bench(options)))
}

/** The first value replaces the default. */
function collect(value: string, previous: readonly string[]): readonly string[] {
  if (!value.startsWith('/')) throw new InvalidArgumentError("a path starts with '/'")
  return previous.length === 1 && previous[0] === '/' ? [value] : [...previous, value]
}

function collectHeader(value: string, previous: readonly string[]): readonly string[] {
  if (!/^[!#$%&'*+.^_`|~\w-]+: ?[^\r\n]*$/.test(value))
    throw new InvalidArgumentError("expected 'name: value'")
  return [...previous, value]
}

function positive(value: string): number {
  const number = Number(value)
  if (!(number > 0) || !Number.isFinite(number)) throw new InvalidArgumentError('expected a number above 0')
  return number
}

async function bench(options: BenchOptions): Promise<ExitCode> {
  const [{ benchGateway, parseMock }, { benchTable, roundLine }, { resolve }] = await Promise.all([
    import('../load/index.js'),
    import('./bench-table.js'),
    import('node:path'),
  ])
  const { config, upstream, path, header, connections, seconds, rounds, rate, json } = options
  try {
    const headers = Object.fromEntries(header.map((line) => line.split(/: ?(.*)/s).slice(0, 2)))
    const plan = {
      config: config === undefined ? null : resolve(config),
      mock: parseMock(upstream),
      requests: path.map((one) => ({ path: one, headers })),
      connections: Math.round(connections),
      seconds,
      rounds: Math.round(rounds),
      ratePerSecond: rate ?? null,
    }
    const result = await benchGateway(plan, (round) => process.stderr.write(`${roundLine(round)}\n`))
    process.stdout.write(json === true ? `${JSON.stringify(result, null, 2)}\n` : benchTable(result))
    return EXIT.ok
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`)
    return error instanceof InvalidValue ? EXIT.usage : EXIT.runtime
  }
}
