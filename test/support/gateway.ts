import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pino from 'pino'
import { type GatewayConfig, loadConfig, type UserConfig } from '#src/config/index.js'
import { type GatewayStats, type ObservableGateway, startGateway } from '#src/supervisor/index.js'
import { type Accounts, accountFor, imbalance, untilBack } from './conservation.js'
import { eventually } from './eventually.js'
import { type Footprint, footprint } from './footprint.js'
import { fetchAnswer } from './http-client.js'
import { LogLines } from './log-lines.js'

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

/** What a test says of a gateway; the rest are the defaults of the configuration, but for a port of its own and no admin. */
export type TestConfig = Partial<UserConfig> & Pick<UserConfig, 'upstreams'>

/** Writes a configuration where the gateway finds it. `remove` takes it away again. */
function configFile(config: TestConfig): {
  readonly file: string
  write(config: TestConfig): void
  remove(): void
} {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-test-'))
  const file = join(folder, 'headgate.json')
  const write = (next: TestConfig): void =>
    writeFileSync(file, JSON.stringify({ listen: '127.0.0.1:0', admin: false, workers: 2, ...next }))
  write(config)
  return { file, write, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** The effective configuration of a test's gateway. */
export async function effectiveConfig(config: TestConfig): Promise<GatewayConfig> {
  const { file, remove } = configFile(config)
  try {
    return (await loadConfig({ file })).config
  } finally {
    remove()
  }
}

/**
 * A gateway in the process of the test, whose main thread is the acceptor's. Its counters can be read; workers log
 * nothing unless the configuration says so, since they write to standard output.
 */
export class InProcessGateway {
  readonly gateway: ObservableGateway
  /** Log lines of the main thread. */
  readonly log: LogLines

  private constructor(gateway: ObservableGateway, log: LogLines) {
    this.gateway = gateway
    this.log = log
    accountFor(this)
  }

  /** @throws as `startGateway`, or when the acceptor is not the kind that was asked for */
  static async start(config: TestConfig): Promise<InProcessGateway> {
    const log = new LogLines()
    const effective = await effectiveConfig({ log: { level: 'silent' }, ...config })
    const gateway = await startGateway(effective, { logger: pino({ level: 'info' }, log) })
    const { acceptor = 'auto' } = config
    if (acceptor === 'auto' || gateway.acceptorKind === acceptor) return new InProcessGateway(gateway, log)
    await gateway.close()
    throw new Error(`asked for ${acceptor}, got ${gateway.acceptorKind}`)
  }

  get port(): number {
    return this.gateway.listen.port
  }

  get stats(): GatewayStats {
    return this.gateway.stats()
  }

  /**
   * Waits until no session is in flight, then checks the conservation law (C16).
   * @param sent as {@link imbalance}
   * @throws Error when it does not hold
   */
  async settle(sent?: number): Promise<GatewayStats> {
    await eventually('all sessions have ended', () => this.stats.inFlight === 0)
    const wrong = imbalance(this.stats, sent)
    if (wrong !== null) throw new Error(wrong)
    return this.stats
  }

  async close(): Promise<void> {
    await this.gateway.close()
  }
}

export interface Exit {
  readonly code: number | null
  readonly signal: string | null
}

/** A gateway as its users run it: `node dist/cli.js run --config FILE` in a process of its own. */
export class GatewayProcess {
  readonly log: LogLines
  /** What it wrote to standard error. */
  readonly errors: string[] = []
  readonly exit: Promise<Exit>
  /** Its configuration file, and what puts another configuration into it. */
  readonly file: string
  readonly rewrite: (config: TestConfig) => void
  readonly #child: ChildProcess
  #port = 0
  #adminPort = 0
  #acceptor = ''
  /** What it held when it had just started. */
  #base: Footprint | null = null

  private constructor(config: TestConfig, args: readonly string[], nodeArgs: readonly string[]) {
    const { file, write, remove } = configFile(config)
    this.file = file
    this.rewrite = write
    this.log = new LogLines()
    const child = spawn(process.execPath, [...nodeArgs, CLI, 'run', '--config', file, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.log.write(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.errors.push(text))
    const kill = (): void => void child.kill('SIGKILL')
    process.once('exit', kill)
    this.exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        process.off('exit', kill)
        remove()
        resolve({ code, signal })
      })
    })
  }

  /**
   * Starts one and waits until it listens.
   * @param nodeArgs of Node itself, for all its threads
   * @throws Error with what it said if it ended instead
   */
  static async start(
    config: TestConfig,
    args: readonly string[] = [],
    nodeArgs: readonly string[] = [],
  ): Promise<GatewayProcess> {
    const gateway = GatewayProcess.run(config, args, nodeArgs)
    const started = gateway.log.until((line) => line['start'] !== undefined, 1, 60_000)
    const ended = gateway.exit.then(({ code, signal }) => {
      const said = [...gateway.log.lines.map((line) => JSON.stringify(line)), ...gateway.errors].join('\n')
      throw new Error(`the gateway ended with ${code ?? signal} before it listened:\n${said}`)
    })
    const [line] = await Promise.race([started, ended])
    const start = line?.['start'] as { listen: string; admin: string | null; acceptor: string }
    gateway.#port = Number(new URL(start.listen).port)
    gateway.#adminPort = start.admin === null ? 0 : Number(new URL(start.admin).port)
    gateway.#acceptor = start.acceptor
    gateway.#base = footprint(gateway.pid)
    const { acceptor = 'auto' } = config
    if (acceptor === 'auto' || acceptor === start.acceptor) return gateway
    await gateway.close()
    throw new Error(`asked for ${acceptor}, got ${start.acceptor}`)
  }

  /** Starts one without waiting for anything: for starts that fail. */
  static run(
    config: TestConfig,
    args: readonly string[] = [],
    nodeArgs: readonly string[] = [],
  ): GatewayProcess {
    return new GatewayProcess(config, args, nodeArgs)
  }

  get port(): number {
    return this.#port
  }

  /** 0: it has no admin listener. */
  get adminPort(): number {
    return this.#adminPort
  }

  get acceptor(): string {
    return this.#acceptor
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Neither exited nor killed. */
  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resident memory in bytes; null where the system has no /proc. */
  rssBytes(): number | null {
    return footprint(this.pid)?.rssBytes ?? null
  }

  /**
   * Waits until nothing is in flight, then checks the conservation law, and that descriptors and memory are back where they were (C16). It needs
   * an admin listener; clients and origins are closed before.
   * @param descriptors that it may hold besides, as those of a new worker. Default 8.
   */
  async settle(descriptors = 8): Promise<Accounts> {
    let accounts: Accounts | null = null
    await eventually('all sessions have ended', async () => {
      const { body } = await fetchAnswer(this.#adminPort, '/stats.json')
      accounts = JSON.parse(body.toString()) as Accounts
      return accounts.inFlight === 0
    })
    if (accounts === null) throw new Error('no accounts in /stats.json')
    const wrong = imbalance(accounts)
    if (wrong !== null) throw new Error(`C16: ${wrong}`)
    if (this.#base !== null) await untilBack(this.pid, this.#base, descriptors)
    return accounts
  }

  /** Kills it if it still runs. */
  async close(): Promise<Exit> {
    // Who is killed cannot tell what it ran: under `npm run coverage` it may end by itself, cutting what it has.
    if (this.alive && process.env['NODE_V8_COVERAGE'] !== undefined) {
      this.#child.kill('SIGTERM')
      this.#child.kill('SIGINT')
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
      await this.exit
      clearTimeout(timer)
    }
    if (this.alive) this.#child.kill('SIGKILL')
    return await this.exit
  }
}
