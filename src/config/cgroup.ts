import type { SystemReaders } from './machine.js'

type ReadFile = SystemReaders['readFile']

/** A control group that the process is in, or a parent of one, as a folder of the mounted file system. */
interface CgroupFolder {
  readonly version: 1 | 2
  readonly folder: string
}

/** v1 tells "no limit" as the largest multiple of a page that fits a signed 64-bit number. */
const V1_NO_LIMIT_BYTES = 2 ** 62

/** The tightest CPU quota in cores of the cgroup of this process and its parents; null without one. */
export function cgroupQuota(readFile: ReadFile): number | null {
  const quotas: number[] = []
  for (const { version, folder } of cgroupFolders(readFile, 'cpu')) {
    const [quota, period] =
      version === 2
        ? (readFile(`${folder}/cpu.max`) ?? '').trim().split(' ')
        : [readFile(`${folder}/cpu.cfs_quota_us`)?.trim(), readFile(`${folder}/cpu.cfs_period_us`)?.trim()]
    // v2 says `max`, v1 says -1 when there is no quota.
    const cores = Number(quota) / Number(period)
    if (Number.isFinite(cores) && cores > 0) quotas.push(cores)
  }
  return quotas.length === 0 ? null : Math.min(...quotas)
}

/** The tightest memory limit in bytes of the cgroup of this process and its parents; null without one. */
export function cgroupMemoryLimit(readFile: ReadFile): number | null {
  const limits: number[] = []
  for (const { version, folder } of cgroupFolders(readFile, 'memory')) {
    const name = version === 2 ? 'memory.max' : 'memory.limit_in_bytes'
    const text = readFile(`${folder}/${name}`)?.trim() ?? ''
    const bytes = /^\d+$/.test(text) ? Number(text) : 0
    if (bytes > 0 && bytes < V1_NO_LIMIT_BYTES) limits.push(bytes)
  }
  return limits.length === 0 ? null : Math.min(...limits)
}

/**
 * How long the quota has kept the process's cgroup, or the parent with the most, from running since it exists, microseconds;
 * 0 where the kernel does not tell.
 */
export function cgroupThrottledUs(readFile: ReadFile): number {
  let longest = 0
  for (const { folder } of cgroupFolders(readFile, 'cpu')) {
    const stat = readFile(`${folder}/cpu.stat`) ?? ''
    const us = Number(/^throttled_usec (\d+)$/m.exec(stat)?.[1] ?? 0)
    const ns = Number(/^throttled_time (\d+)$/m.exec(stat)?.[1] ?? 0)
    longest = Math.max(longest, us, ns / 1000)
  }
  return longest
}

/**
 * Folders of the process's groups that could hold a controller's files, from the root of each mount downwards. Inside a
 * container the path that /proc tells may not exist under the mount; the mount's root is then the container's own group.
 */
function cgroupFolders(readFile: ReadFile, controller: string): CgroupFolder[] {
  const folders: CgroupFolder[] = []
  for (const line of (readFile('/proc/self/cgroup') ?? '0::/').split('\n')) {
    const match = /^(\d+):([^:]*):(.*)$/.exec(line)
    if (match === null) continue
    const [, id, controllers = '', path = '/'] = match
    if (id === '0' && controllers === '') {
      for (const folder of foldersDownTo('/sys/fs/cgroup', path)) folders.push({ version: 2, folder })
    } else if (controllers.split(',').includes(controller)) {
      for (const mount of new Set([`/sys/fs/cgroup/${controller}`, `/sys/fs/cgroup/${controllers}`])) {
        for (const folder of foldersDownTo(mount, path)) folders.push({ version: 1, folder })
      }
    }
  }
  return folders
}

function foldersDownTo(mount: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return [...parts.keys(), parts.length].map((length) => [mount, ...parts.slice(0, length)].join('/'))
}
