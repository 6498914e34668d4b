import { readdirSync, readFileSync } from 'node:fs'

/** What a process holds of the system. */
export interface Footprint {
  /** Open descriptors. */
  readonly descriptors: number
  readonly rssBytes: number
}

/** Null where the system has no /proc, or the process is gone. */
export function footprint(pid: number | 'self' = 'self'): Footprint | null {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`).length
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
    return match === null ? null : { descriptors, rssBytes: Number(match[1]) * 1024 }
  } catch {
    return null
  }
}
