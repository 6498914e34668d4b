import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('../micro/', import.meta.url))

/** Names of the micro-benchmarks: every script in `bench/micro` is one. */
export function microNames() {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.mjs'))
    .map((name) => name.slice(0, -'.mjs'.length))
    .sort()
}

/**
 * Runs one of them in a process of its own. One that fails, hangs or says nothing costs its own part of the report only.
 * @returns the JSON document that it printed, or `{ name, failed }` with the reason
 */
export async function runMicro(name, { short, timeoutMs }) {
  const child = spawn(process.execPath, [`${FOLDER}${name}.mjs`, '--json', ...(short ? ['--short'] : [])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let complained = ''
  child.stdout.on('data', (text) => {
    printed += text
  })
  child.stderr.on('data', (text) => {
    complained = (complained + text).slice(-2000)
  })
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, timeoutMs)
  const ending = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code, signal) => resolve(code === 0 ? null : (signal ?? `exit code ${code}`)))
  })
  clearTimeout(timer)
  const reason = late ? `it took longer than ${timeoutMs / 1000} s` : ending
  if (reason !== null)
    return { name, failed: lastLine(complained) === '' ? reason : `${reason}: ${lastLine(complained)}` }
  try {
    return documentOf(JSON.parse(printed))
  } catch (error) {
    return { name, failed: `it did not print one JSON document: ${error.message}` }
  }
}

/** @throws Error when it is none */
export function documentOf(value) {
  const { name, title, why = '', tables, remarks = [] } = value
  if (typeof name !== 'string' || typeof title !== 'string') throw new Error('no name or no title')
  for (const { columns, rows } of tables) {
    if (rows.some((row) => row.length !== columns.length))
      throw new Error('a row is not as long as the table has columns')
  }
  return { name, title, why, tables, remarks }
}

function lastLine(text) {
  const lines = text.trim().split('\n')
  return (lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? '').trim()
}
