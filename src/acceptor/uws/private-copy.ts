import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Writes a file where only this user can write, or finds it there from an earlier start with the same content.
 *
 * The folder must belong to this user, be no link, and be closed to everybody else; the file gets its name by an atomic
 * rename, so that other processes see it whole or not at all; its content is compared byte by byte before the path is
 * given out. So what is loaded from it is what was passed in, and never something that somebody planted.
 *
 * @param folder an absolute path
 * @returns the path of the file
 * @throws Error if the folder cannot be made, or is not private
 */
export function privateCopy(folder: string, fileName: string, content: Buffer): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  requirePrivate(folder)
  const path = join(folder, fileName)
  if (holds(path, content)) return path
  const draft = join(folder, `.${fileName}.${randomUUID()}`)
  try {
    writeFileSync(draft, content, { flag: 'wx', mode: 0o500 })
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  if (!holds(path, content)) throw new Error(`${path} is not what was written`)
  return path
}

/** Folders that are tried for private copies, the best first. */
export function cacheFolders(name: string): string[] {
  const folders: string[] = []
  const configured = process.env['XDG_CACHE_HOME']
  if (configured?.startsWith('/') === true) folders.push(join(configured, name))
  else folders.push(...homeCache().map((folder) => join(folder, name)))
  folders.push(join(tmpdir(), `${name}-${process.getuid?.() ?? 'user'}`))
  return folders
}

/** Users without an entry in the password file have no home: `homedir` throws. */
function homeCache(): string[] {
  try {
    return [join(homedir(), '.cache')]
  } catch {
    return []
  }
}

function requirePrivate(folder: string): void {
  const stats = lstatSync(folder)
  if (!stats.isDirectory() || !isOurs(stats)) throw new Error(`${folder} is not a folder of this user`)
  if ((stats.mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

function holds(path: string, content: Buffer): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return false
  return (
    stats.isFile() && isOurs(stats) && stats.size === content.length && readFileSync(path).equals(content)
  )
}

function isOurs(stats: Stats): boolean {
  const uid = process.getuid?.()
  return uid === undefined || stats.uid === uid
}
