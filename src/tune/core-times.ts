import { readFileSync } from 'node:fs'
import { type CpuInfo, cpus } from 'node:os'

/** How busy the cores are that this process may run on, whoever uses them. */
export class CoreTimes {
  readonly #read: () => readonly CpuInfo[]
  readonly #allowed: ReadonlySet<number> | null
  #before: readonly CpuInfo[]

  /** @param allowed numbers of the cores; null: all. Default: by affinity, where the system tells. */
  constructor(read: () => readonly CpuInfo[] = cpus, allowed: ReadonlySet<number> | null = allowedCores()) {
    this.#read = read
    this.#allowed = allowed
    this.#before = read()
  }

  /** Cores that were busy since this was asked last, as a sum of shares, and how many there are. */
  since(): { readonly busy: number; readonly cores: number } {
    const now = this.#read()
    const before = this.#before
    this.#before = now
    let busy = 0
    let cores = 0
    for (const [core, { times }] of now.entries()) {
      if (this.#allowed?.has(core) === false) continue
      const idle = times.idle - (before[core]?.times.idle ?? 0)
      const total = totalOf(times) - totalOf(before[core]?.times)
      cores += 1
      if (total > 0) busy += 1 - idle / total
    }
    return { busy, cores }
  }
}

function totalOf(times: CpuInfo['times'] | undefined): number {
  return times === undefined ? 0 : Object.values(times).reduce((sum, ms) => sum + ms, 0)
}

function allowedCores(): ReadonlySet<number> | null {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return list === undefined ? null : parseCoreList(list)
  } catch {
    return null
  }
}

/** `0-2,5` */
export function parseCoreList(list: string): Set<number> {
  const cores = new Set<number>()
  for (const part of list.split(',')) {
    const [first = Number.NaN, last = first] = part.split('-').map(Number)
    for (let core = first; core <= last; core += 1) cores.add(core)
  }
  return cores
}
