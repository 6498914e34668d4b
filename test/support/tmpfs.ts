import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of its own, which can be small, full or read-only. */
export interface Tmpfs {
  readonly folder: string
  /** Lets it be written, or not. */
  remount(mode: 'ro' | 'rw'): void
  remove(): void
}

/** @returns null where the user may not mount, as in most containers and for all but root */
export function mountTmpfs(sizeKib: number, mode: 'ro' | 'rw' = 'rw'): Tmpfs | null {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-tmpfs-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeKib}k,${mode}`, 'tmpfs', folder], {
      stdio: 'ignore',
    })
  } catch {
    rmSync(folder, { recursive: true })
    return null
  }
  return {
    folder,
    remount: (next) => void execFileSync('mount', ['-o', `remount,${next}`, folder]),
    remove() {
      execFileSync('umount', ['--lazy', folder])
      rmSync(folder, { recursive: true })
    },
  }
}
