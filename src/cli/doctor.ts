import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Command } from 'commander'
import { formatHostPort } from '../config/address.js'
import { ConfigError } from '../config/config-error.js'
import { detectMachine } from '../config/machine.js'
import type { GatewayConfig, ListenAddress } from '../config/types.js'
import {
  checkBacklog,
  checkCgroup,
  checkCpu,
  checkFiles,
  checkMigration,
  checkNode,
  type Finding,
} from './doctor-checks.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Finish } from './main.js'

interface DoctorOptions {
  readonly config?: string
  readonly json?: boolean
  readonly ready?: boolean
}

/** As `run` without a file would have it. */
const DEFAULTS = {
  listen: { host: '127.0.0.1', port: 8080 },
  admin: { host: '127.0.0.1', port: 9901 },
  connections: 10_000,
  memoryBytes: 0,
  workers: null,
}

/** `headgate doctor`: is this machine fit for the gateway? Changes nothing. */
export function addDoctorCommand(program: Command, finish: Finish): void {
  program
    .command('doctor')
    .description('check the machine: Node, native server, limits, ports, kernel settings')
    .option('--config <file>', 'config file (default: headgate.config.ts, headgate.yaml, ... in this folder)')
    .option('--json', 'report as JSON on standard output')
    .option(
      '--ready',
      'only ask the running gateway whether it is ready: exit code 0 or 1, for health checks',
    )
    .action(async (options: DoctorOptions) => {
      const wanted = await wantedBy(options.config)
      finish(
        options.ready === true ? await ready(wanted.admin) : await examine(wanted, options.json === true),
      )
    })
}

interface Wanted {
  readonly listen: ListenAddress
  readonly admin: ListenAddress | null
  readonly connections: number
  readonly memoryBytes: number
  readonly workers: number | null
  readonly problem: string | null
}

async function wantedBy(file: string | undefined): Promise<Wanted> {
  const { loadConfig } = await import('../config/load.js')
  try {
    const { config } = await loadConfig(file === undefined ? {} : { file })
    return { ...settingsOf(config), problem: null }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const isAbsent = file === undefined && error.problems.every(({ code }) => code === 'not-found')
    return { ...DEFAULTS, problem: isAbsent ? null : 'the configuration is not valid: see headgate check' }
  }
}

function settingsOf({ listen, admin, limits, overload, workers }: GatewayConfig): Omit<Wanted, 'problem'> {
  return {
    listen,
    admin,
    connections: limits.connections,
    memoryBytes: overload.memoryBytes,
    workers: workers.count,
  }
}

async function examine(wanted: Wanted, json: boolean): Promise<ExitCode> {
  const { listen, admin, problem } = wanted
  const { memoryLimitBytes, quotaCores, affinityCores } = detectMachine()
  const findings: Finding[] = [
    ...(problem === null ? [] : [{ check: 'config', result: 'bad', message: problem } as const]),
    checkNode(process.versions.node, Date.now()),
    await checkNative(),
    checkFiles(read('/proc/self/limits'), wanted.connections),
    checkCgroup(memoryLimitBytes, wanted.memoryBytes),
    checkCpu(quotaCores, affinityCores, wanted.workers),
    await checkPort('listen', listen),
    ...(admin === null ? [] : [await checkPort('admin', admin)]),
    checkBacklog(read('/proc/sys/net/core/somaxconn')),
    checkMigration(read('/proc/sys/net/ipv4/tcp_migrate_req')),
  ]
  const lines = findings.map(({ check, result, message }) => `${result.padEnd(5)}${check}: ${message}`)
  process.stdout.write(json ? `${JSON.stringify(findings, null, 2)}\n` : `${lines.join('\n')}\n`)
  return findings.some(({ result }) => result === 'bad') ? EXIT.runtime : EXIT.ok
}

async function checkNative(): Promise<Finding> {
  const check = 'acceptor'
  const { glibcVersionRuntime: glibc = 'none' } = (
    process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  ).header
  try {
    const { loadNative } = await import('../acceptor/uws/native.js')
    loadNative(16_384, true)
    return { check, result: 'ok', message: `uWebSockets.js loads (glibc ${glibc})` }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { check, result: 'warn', message: `only the slower acceptor 'node': ${why} (glibc ${glibc})` }
  }
}

function checkPort(option: string, { host, port }: ListenAddress): Promise<Finding> {
  const address = formatHostPort(host, port)
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isRunning = error.code === 'EADDRINUSE'
      const message = isRunning
        ? `${address} is in use, by a gateway that runs or by another process`
        : error.message
      resolve({ check: option, result: isRunning ? 'warn' : 'bad', message })
    })
    server.listen({ host, port, exclusive: true }, () =>
      server.close(() => resolve({ check: option, result: 'ok', message: `${address} is free` })),
    )
  })
}

async function ready(admin: ListenAddress | null): Promise<ExitCode> {
  if (admin === null) {
    process.stderr.write('error: the configuration has no admin listener\n')
    return EXIT.config
  }
  const url = `http://${formatHostPort(admin.host, admin.port)}/ready`
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    process.stdout.write(await response.text())
    return response.ok ? EXIT.ok : EXIT.runtime
  } catch {
    process.stderr.write(`error: no answer from ${url}\n`)
    return EXIT.runtime
  }
}

/** Null where there is no such file. */
function read(path: string): string | null {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return null
  }
}
