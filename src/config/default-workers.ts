import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { WorkerCount } from './types.js'

/** How the machine is looked at; replaced in tests. */
export interface SystemReaders {
  /** Cores by CPU affinity. */
  readonly parallelism: () => number
  /** Content of a file, or null when it cannot be read. */
  readonly readFile: (path: string) => string | null
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
}

/**
 * The number of workers and why. `auto`: the cores that the process may use, by affinity and by the CPU quota of its
 * cgroup (v2 or v1), rounded down, minus one for the acceptor; at least 1.
 */
export function resolveWorkers(
  setting: number | 'auto',
  readers: SystemReaders = systemReaders,
): WorkerCount {
  if (setting !== 'auto') return { count: setting, reason: 'as configured' }
  const affinity = Math.max(1, readers.parallelism())
  const quota = cgroupQuota(readers.readFile)
  const limited = quota !== null && quota < affinity
  const cores = limited ? Math.max(1, Math.floor(quota)) : affinity
  const origin = limited ? `CPU quota of ${plural(Number(quota.toFixed(2)))} on ${affinity}` : plural(cores)
  const share = cores > 1 ? 'one for the acceptor' : 'shared with the acceptor'
  return { count: Math.max(1, cores - 1), reason: `auto: ${origin}, ${share}` }
}

/**
 * The tightest CPU quota in cores of the cgroup of this process and its parents; null without one. Inside a container
 * the path that /proc tells may not exist under the mount; the mount's root is then the container's own group.
 */
export function cgroupQuota(readFile: SystemReaders['readFile']): number | null {
  const quotas: number[] = []
  for (const line of (readFile('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const match = /^(\d+):([^:]*):(.*)$/.exec(line)
    if (match === null) continue
    const [, id, controllers = '', path = '/'] = match
    if (id === '0' && controllers === '') {
      for (const folder of foldersUpwards('/sys/fs/cgroup', path)) {
        const [quota, period] = (readFile(`${folder}/cpu.max`) ?? '').trim().split(' ')
        push(quotas, quota, period)
      }
    } else if (controllers.split(',').includes('cpu')) {
      for (const mount of new Set(['/sys/fs/cgroup/cpu', `/sys/fs/cgroup/${controllers}`])) {
        for (const folder of foldersUpwards(mount, path)) {
          const quota = readFile(`${folder}/cpu.cfs_quota_us`)?.trim()
          push(quotas, quota, readFile(`${folder}/cpu.cfs_period_us`)?.trim())
        }
      }
    }
  }
  return quotas.length === 0 ? null : Math.min(...quotas)
}

/** v2 says `max`, v1 says -1 when there is no quota. */
function push(quotas: number[], quota: string | undefined, period: string | undefined): void {
  const cores = Number(quota) / Number(period)
  if (Number.isFinite(cores) && cores > 0) quotas.push(cores)
}

function foldersUpwards(mount: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return [...parts.keys(), parts.length].map((length) => [mount, ...parts.slice(0, length)].join('/'))
}

function plural(cores: number): string {
  return cores === 1 ? '1 core' : `${cores} cores`
}
