import { readFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, totalmem } from 'node:os'
import { cgroupMemoryLimit, cgroupQuota } from './cgroup.js'

/** How the machine is looked at; replaced in tests. */
export interface SystemReaders {
  /** Cores by CPU affinity. */
  readonly parallelism: () => number
  /** Content of a file, or null when it cannot be read. */
  readonly readFile: (path: string) => string | null
  readonly hardware: () => Hardware
}

/** What the machine has, whoever may use it. */
export interface Hardware {
  readonly cores: number
  readonly memoryBytes: number
  /** Model of the first processor and architecture: `AMD EPYC 7B13, x64`. */
  readonly cpu: string
}

export const systemReaders: SystemReaders = {
  parallelism: availableParallelism,
  readFile: (path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      return null
    }
  },
  hardware: () => {
    const all = cpus()
    // Some platforms name no model, or pad it.
    const model = all[0]?.model.replace(/\s+/g, ' ').trim() ?? ''
    return {
      cores: all.length,
      memoryBytes: totalmem(),
      cpu: `${model === '' ? 'unknown' : model}, ${arch()}`,
    }
  },
}

/** What a process may use here. */
export interface Machine extends Hardware {
  /** Cores that the process may run on, by affinity; at least 1. */
  readonly affinityCores: number
  /** CPU quota of its cgroup in cores; null without one. */
  readonly quotaCores: number | null
  /** Memory limit of its cgroup; null without one. */
  readonly memoryLimitBytes: number | null
}

/** Looks at the machine, and at what affinity and cgroups (v2 or v1) leave of it. */
export function detectMachine(readers: SystemReaders = systemReaders): Machine {
  const hardware = readers.hardware()
  const limit = cgroupMemoryLimit(readers.readFile)
  return {
    ...hardware,
    affinityCores: Math.max(1, readers.parallelism()),
    quotaCores: cgroupQuota(readers.readFile),
    memoryLimitBytes: limit !== null && limit < hardware.memoryBytes ? limit : null,
  }
}

/** Whole cores that can be busy all the time: by affinity, and by quota rounded down; at least 1. */
export function usableCores({ affinityCores, quotaCores }: Machine): number {
  return quotaCores !== null && quotaCores < affinityCores
    ? Math.max(1, Math.floor(quotaCores))
    : affinityCores
}
