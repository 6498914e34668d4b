import type { Command } from 'commander'
import { formatHostPort, parseAdmin } from '../config/address.js'
import { ConfigError } from '../config/config-error.js'
import { InvalidValue } from '../config/invalid-value.js'
import type { AdminConfig, ListenAddress } from '../config/types.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Finish } from './main.js'
import { reportProblems } from './report-problems.js'

interface AdminOptions {
  readonly admin?: string
  readonly config?: string
  readonly json?: boolean
}

/** Where to ask, and with what. */
type AdminAddress = ListenAddress & Pick<AdminConfig, 'token'>

const DEFAULT_ADMIN: ListenAddress = { host: '127.0.0.1', port: 9901 }
/** The new workers load their filters meanwhile. */
const TIMEOUT_MS = 60_000

/** `headgate reload` and `headgate drain`: what the admin listener of a running gateway is told. */
export function addAdminCommands(program: Command, finish: Finish): void {
  addCommand(program, 'reload', 'have the running gateway read its configuration again', finish)
  addCommand(program, 'drain', 'have the running gateway finish its sessions and end', finish)
}

function addCommand(program: Command, name: 'reload' | 'drain', description: string, finish: Finish): void {
  program
    .command(name)
    .description(description)
    .option('--admin <host:port>', 'admin listener of the gateway (default: that of the config file)')
    .option('--config <file>', 'config file of the gateway, to find its admin listener')
    .option('--json', 'what the gateway answers, on standard output')
    .action(async (options: AdminOptions, command: Command) => {
      const address = await adminAddress(options, command)
      if (address === null) finish(EXIT.config)
      else finish(await tell(name, address, options.json === true))
    })
}

/** Null: it was told what is wrong. */
async function adminAddress(options: AdminOptions, command: Command): Promise<AdminAddress | null> {
  if (options.admin !== undefined) {
    try {
      const address = parseAdmin(options.admin)
      if (address !== null) return address
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      command.error(`error: --admin: ${error.message}`)
    }
    command.error('error: --admin: an address is needed')
  }
  const { loadConfig } = await import('../config/load.js')
  try {
    const { config } = await loadConfig(options.config === undefined ? {} : { file: options.config })
    if (config.admin !== null) return config.admin
    process.stderr.write(
      'error: the configuration has no admin listener; send SIGHUP or SIGTERM to the process instead\n',
    )
    return null
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    // Without a file the gateway was started from the command line alone.
    if (options.config === undefined && error.problems.every(({ code }) => code === 'not-found'))
      return DEFAULT_ADMIN
    reportProblems(error.problems)
    process.stderr.write('nothing was changed; with --admin the gateway is asked nevertheless\n')
    return null
  }
}

async function tell(
  name: 'reload' | 'drain',
  { host, port, token }: AdminAddress,
  json: boolean,
): Promise<ExitCode> {
  const url = `http://${formatHostPort(host, port)}/${name}`
  let status: number
  let body: unknown
  try {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(url, { method: 'POST', headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    status = response.status
    body = await response.json().catch(() => null)
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } }
    process.stderr.write(`error: no answer from ${url}: ${cause?.code ?? String(error)}\n`)
    return EXIT.runtime
  }
  const {
    generation,
    problems = [],
    warnings = [],
  } = (body ?? {}) as {
    readonly generation?: number
    readonly problems?: readonly string[]
    readonly warnings?: readonly string[]
  }
  if (json) process.stdout.write(`${JSON.stringify(body)}\n`)
  for (const text of [...warnings, ...problems]) process.stderr.write(`${text}\n`)
  if (status < 300) {
    if (!json)
      process.stdout.write(name === 'reload' ? `reloaded: configuration ${generation}\n` : 'draining\n')
    return EXIT.ok
  }
  if (name === 'reload') process.stderr.write('not reloaded: nothing was changed\n')
  else process.stderr.write(`error: ${url} answered ${status}\n`)
  return status === 422 ? EXIT.config : EXIT.runtime
}
