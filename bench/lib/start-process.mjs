import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const UP_WITHIN_MS = 30_000
const DOWN_WITHIN_MS = 5000

/** `stop` of each process that runs. */
const running = new Set()

/** Ends everything that was started and is still there. */
export async function stopAll() {
  await Promise.all([...running].map((stop) => stop()))
}

/** A folder for what a subject writes, readable for workers that run as another user. */
export function workFolder() {
  return mkdtempSync(join(tmpdir(), 'headgate-bench-'))
}

/** A free loopback port. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/**
 * Starts a program and waits until it listens on `port`.
 * @returns its pid, `stop()`, and `child` for those that speak IPC
 * @throws Error with the last it said when it ends before
 */
export async function startProcess(command, args, { port, folder = null, ipc = false, env = {} }) {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])],
    env: { ...process.env, ...env },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      said = (said + text).slice(-2000)
    })
  }
  let failure = null
  child.on('error', (error) => {
    failure = error
  })
  const exited = new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      failure ??= new Error(`${command} ended (${signal ?? `exit code ${code}`}): ${said.trim()}`)
      resolve()
    })
  })
  const stop = async () => {
    running.delete(stop)
    const timer = setTimeout(() => child.kill('SIGKILL'), DOWN_WITHIN_MS)
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      child.kill('SIGTERM')
      await exited
    }
    clearTimeout(timer)
    if (folder !== null) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  running.add(stop)
  try {
    await untilItListens(port, () => failure)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid, child, stop }
}

function untilItListens(port, failure) {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + UP_WITHIN_MS
    const attempt = () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('connect', () => {
        socket.destroy()
        resolve()
      })
      socket.on('error', () => {
        if (failure() !== null) reject(failure())
        else if (Date.now() > deadline) reject(new Error(`nothing listens on port ${port}`))
        else setTimeout(attempt, 50)
      })
    }
    attempt()
  })
}
