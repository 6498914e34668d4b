import { execFile } from 'node:child_process'
import { existsSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROBE = fileURLToPath(new URL('./probe-database.js', import.meta.url))
/** A file so large that reading it takes longer is taken as it is: a gateway has to start. */
const PROBE_TIMEOUT_MS = 20_000
/** Exit code of the probe. */
const DAMAGED = 65
/** What ends a process that reads a page which is not there, or follows one that makes no sense. */
const FATAL: ReadonlySet<NodeJS.Signals | null> = new Set(['SIGBUS', 'SIGSEGV', 'SIGABRT'])

/**
 * Looks whether the LMDB database in this folder is damaged, and if so moves its file aside, so that a new one begins in its place: a damaged
 * one would end the process that opens it. The new one knows of no spend and of no cap, so nothing but damage may be taken for it.
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

/** Only what the probe calls damage, or what damage has done to it: with anything else the database is opened, and says itself what is wrong. */
function isDamaged(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(process.execPath, [PROBE, path], { timeout: PROBE_TIMEOUT_MS }, (error) => {
      if (error === null) resolve(false)
      else resolve(error.code === DAMAGED || FATAL.has(error.signal ?? null))
    })
  })
}
