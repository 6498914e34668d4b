import { type Command, InvalidArgumentError } from 'commander'
import { InvalidValue } from '../config/invalid-value.js'
import { parseDuration } from '../config/units.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Finish } from './main.js'

interface TopOptions {
  readonly admin: string
  readonly json?: boolean
  readonly interval: number
  readonly count?: number
}

const DEFAULT_ADMIN = 'http://127.0.0.1:9901'
/** Where the token stands: a command line can be read by every user of a machine. */
const TOKEN_VARIABLE = 'HEADGATE_ADMIN_TOKEN'

/** `headgate top`: the dashboard's numbers in a terminal, refreshed in place. */
export function addTopCommand(program: Command, finish: Finish): void {
  program
    .command('top')
    .description('show what a running gateway does, refreshed in place')
    .option('--admin <url>', `its admin listener; its token from ${TOKEN_VARIABLE}`, adminUrl, DEFAULT_ADMIN)
    .option('--interval <duration>', 'time between two looks', interval, 1000)
    .option('--count <n>', 'looks before it ends (default: until Ctrl-C)', positive)
    .option('--json', 'a line of JSON for each look, the same as /stats.json')
    .action(async (options: TopOptions) => finish(await top(options)))
}

async function top({
  admin,
  json,
  interval: intervalMs,
  count = Number.POSITIVE_INFINITY,
}: TopOptions): Promise<ExitCode> {
  const [{ fetchStats }, { startScreen }] = await Promise.all([
    import('./top-client.js'),
    import('./top-screen.js'),
  ])
  const token = process.env[TOKEN_VARIABLE] ?? null
  const stopping = new AbortController()
  const stop = (): void => stopping.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const screen = json === true ? null : startScreen(process.stdout)
  try {
    for (let looks = 0; looks < count && !stopping.signal.aborted; looks += 1) {
      if (looks > 0) await pause(intervalMs, stopping.signal)
      if (stopping.signal.aborted) break
      const stats = await fetchStats(admin, token)
      if (screen === null) process.stdout.write(`${JSON.stringify(stats)}\n`)
      else screen.show(stats, admin)
    }
    return EXIT.ok
  } catch (error) {
    screen?.close()
    process.stderr.write(`${admin}: ${error instanceof Error ? error.message : error}\n`)
    return EXIT.runtime
  } finally {
    screen?.close()
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

function adminUrl(text: string): string {
  try {
    const url = new URL(text.includes('://') ? text : `http://${text}`)
    if (url.protocol === 'http:' || url.protocol === 'https:') return url.origin
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError(`for example ${DEFAULT_ADMIN}`)
}

function interval(text: string): number {
  try {
    const ms = parseDuration(text)
    if (ms >= 100) return ms
  } catch (error) {
    if (!(error instanceof InvalidValue)) throw error
    throw new InvalidArgumentError(error.hint ?? error.message)
  }
  throw new InvalidArgumentError('at least 100ms')
}

function positive(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('a number from 1 on')
}
