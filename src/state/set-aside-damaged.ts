import { execFile } from 'node:child_process'
import { existsSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROBE = fileURLToPath(new URL('./probe-database.js', import.meta.url))
/** A file so large that reading it takes longer is taken as it is: a gateway has to start. */
const PROBE_TIMEOUT_MS = 20_000

/**
 * Looks whether the LMDB database in this folder can be read to its end, and if not moves its file aside, so that a new one begins in its
 * place: a damaged one would end the process that opens it.
 * @returns where the damaged file lies now; null when there is none, or nothing wrong with it
 * @throws Error of the file system when it cannot be moved
 */
export async function setAsideDamaged(path: string): Promise<string | null> {
  const file = join(path, 'data.mdb')
  if (!existsSync(file) || statSync(file).size === 0 || !(await isDamaged(path))) return null
  const aside = `${file}.damaged-${new Date().toISOString().replaceAll(':', '')}`
  renameSync(file, aside)
  return aside
}

function isDamaged(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROBE, path], { timeout: PROBE_TIMEOUT_MS }, (error) => {
      // `killed` is ours, at the timeout; what damage does is an exit code, or a signal that the process has by itself.
      resolve(error !== null && error.killed !== true)
    })
  })
}
