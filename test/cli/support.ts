import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, onTestFinished } from 'vitest'

const HOST = fileURLToPath(new URL('cli-host.mjs', import.meta.url))
const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningCli {
  readonly child: ChildProcess
  /** Resolves when a piece of standard output matches; rejects when the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  readonly finished: Promise<Finished>
}

export interface SpawnOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Starts the built command line. It is killed when the test ends before it does. */
export function startCli(args: readonly string[], options: SpawnOptions = {}): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd: options.cwd ?? process.cwd(),
    env: { ...process.env, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let stdout = ''
  let stderr = ''
  const waiting = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const look of waiting) look()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const finished = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return {
    child,
    finished,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(stdout)
          if (match === null) return
          waiting.delete(look)
          resolve(match)
        }
        waiting.add(look)
        look()
        void finished.then(() => {
          look()
          reject(new Error(`ended without ${pattern}\n${stdout}\n${stderr}`))
        })
      }),
  }
}

/** Runs the built command line to its end, in a process of its own. */
export function runCliProcess(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  return startCli(args, options).finished
}

/** Starts `headgate run` on an ephemeral port and waits until it listens. */
export async function startGatewayCli(
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<RunningCli & { readonly url: string }> {
  const cli = startCli(['run', '--listen', '127.0.0.1:0', '--admin', 'off', ...args], options)
  const [, url = ''] = await cli.waitFor(/listens on (http:\/\/[^ ]+) /)
  return { ...cli, url }
}

let host: ChildProcess | null = null
let ended: Promise<never> | null = null
let last: Promise<unknown> = Promise.resolve()

/**
 * Runs the command line to its end in a process that all calls of a test file share, one after the other: for what is about the
 * commands and not about the process, which costs a second each on a busy machine. Commands that serve or measure need their own.
 */
export function runCli(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  const run = last.then(async () => {
    if (host === null) {
      host = fork(HOST, { env: { ...process.env, NO_COLOR: '1' } })
      ended = once(host, 'exit').then(([code]) => {
        throw new Error(`the process of the command lines ended with ${code}`)
      })
      // It ends behind the last test, when nobody waits for it.
      ended.catch(() => undefined)
    }
    const { cwd = process.cwd(), env = {} } = options
    const answer = once(host, 'message')
    host.send({ args, cwd, env })
    const [finished] = await Promise.race([answer, ended ?? answer])
    return finished as Finished
  })
  last = run.catch(() => undefined)
  return run
}

afterAll(async () => {
  if (host?.connected !== true) return
  const exit = once(host, 'exit')
  host.disconnect()
  await exit
  host = null
})
