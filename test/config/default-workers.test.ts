import { describe, expect, it } from 'vitest'
import { cgroupMemoryLimit, cgroupQuota, cgroupThrottledUs } from '#src/config/cgroup.js'
import { resolveWorkers } from '#src/config/default-workers.js'

type Files = Readonly<Record<string, string>>

/** A machine of so many cores with these files in /proc and /sys. */
function machine(cores: number, files: Files = {}) {
  return {
    parallelism: () => cores,
    readFile: (path: string) => files[path] ?? null,
    hardware: () => ({ cores, memoryBytes: 8 * 2 ** 30, cpu: 'Test CPU, x64' }),
  }
}

const V2 = { '/proc/self/cgroup': '0::/\n' }
const V1 = { '/proc/self/cgroup': '4:memory:/a\n2:cpu,cpuacct:/docker/abc\n0::/\n' }

describe('workers: auto', () => {
  it.each<[string, number, Files, number, string]>([
    ['many cores', 8, {}, 7, 'auto: 8 cores, one for the acceptor'],
    ['two cores', 2, {}, 1, 'auto: 2 cores, one for the acceptor'],
    ['one core', 1, {}, 1, 'auto: 1 core, shared with the acceptor'],
    ['none reported', 0, {}, 1, 'auto: 1 core, shared with the acceptor'],
    [
      'v2 without quota',
      4,
      { ...V2, '/sys/fs/cgroup/cpu.max': 'max 100000\n' },
      3,
      'auto: 4 cores, one for the acceptor',
    ],
    [
      'v2 quota',
      16,
      { ...V2, '/sys/fs/cgroup/cpu.max': '300000 100000\n' },
      2,
      'auto: CPU quota of 3 cores on 16, one for the acceptor',
    ],
    [
      'v2 fraction',
      16,
      { ...V2, '/sys/fs/cgroup/cpu.max': '250000 100000\n' },
      1,
      'auto: CPU quota of 2.5 cores on 16, one for the acceptor',
    ],
    [
      'v2 less than a core',
      4,
      { ...V2, '/sys/fs/cgroup/cpu.max': '50000 100000\n' },
      1,
      'auto: CPU quota of 0.5 cores on 4, shared with the acceptor',
    ],
    [
      'v2 quota above the cores',
      2,
      { ...V2, '/sys/fs/cgroup/cpu.max': '400000 100000\n' },
      1,
      'auto: 2 cores, one for the acceptor',
    ],
    [
      'v1 quota',
      8,
      {
        ...V1,
        '/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us': '400000',
        '/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us': '100000',
      },
      3,
      'auto: CPU quota of 4 cores on 8, one for the acceptor',
    ],
    [
      'v1 in a container, at the root of its mount',
      8,
      {
        ...V1,
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000',
        '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000',
      },
      1,
      'auto: CPU quota of 2 cores on 8, one for the acceptor',
    ],
    [
      'v1 without quota',
      8,
      {
        ...V1,
        '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1',
        '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000',
      },
      7,
      'auto: 8 cores, one for the acceptor',
    ],
    ['no cgroup files at all', 3, { '/proc/self/cgroup': '' }, 2, 'auto: 3 cores, one for the acceptor'],
  ])('%s', (_, cores, files, count, reason) => {
    expect(resolveWorkers('auto', machine(cores, files))).toEqual({ count, reason })
  })

  it('the tightest quota of a group and its parents counts', () => {
    const files: Files = {
      '/proc/self/cgroup': '0::/kube/pod/container\n',
      '/sys/fs/cgroup/cpu.max': 'max 100000',
      '/sys/fs/cgroup/kube/cpu.max': '800000 100000',
      '/sys/fs/cgroup/kube/pod/cpu.max': '150000 50000',
      '/sys/fs/cgroup/kube/pod/container/cpu.max': '600000 100000',
    }
    expect(cgroupQuota((path) => files[path] ?? null)).toBe(3)
  })

  it('garbage in the files is no quota', () => {
    for (const content of ['', 'x y', '0 100000', '100000 0', '100000']) {
      expect(cgroupQuota((path) => (path.endsWith('cpu.max') ? content : null))).toBeNull()
    }
  })
})

it.each<[string, Files, number | null]>([
  ['v2', { ...V2, '/sys/fs/cgroup/memory.max': '536870912\n' }, 512 * 2 ** 20],
  ['v2 without', { ...V2, '/sys/fs/cgroup/memory.max': 'max\n' }, null],
  ['v1', { ...V1, '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': '1073741824\n' }, 2 ** 30],
  ['v1 without', { ...V1, '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' }, null],
  [
    'the tightest of a group and its parents',
    {
      '/proc/self/cgroup': '0::/pod/a\n',
      '/sys/fs/cgroup/pod/memory.max': '1000000',
      '/sys/fs/cgroup/pod/a/memory.max': '2000000',
    },
    1_000_000,
  ],
  ['garbage', { ...V2, '/sys/fs/cgroup/memory.max': '-5' }, null],
])('memory limit: %s', (_, files, bytes) => {
  expect(cgroupMemoryLimit((path) => files[path] ?? null)).toBe(bytes)
})

it('throttled time is read in the unit of each version', () => {
  const read = (files: Files) => cgroupThrottledUs((path) => files[path] ?? null)
  expect(read({ ...V2, '/sys/fs/cgroup/cpu.stat': 'nr_throttled 3\nthrottled_usec 1500\n' })).toBe(1500)
  expect(read({ ...V1, '/sys/fs/cgroup/cpu/cpu.stat': 'nr_throttled 3\nthrottled_time 2500000\n' })).toBe(
    2500,
  )
  expect(read({})).toBe(0)
})

it('a number is taken as it is', () => {
  expect(resolveWorkers(12, machine(2))).toEqual({ count: 12, reason: 'as configured' })
})

it('this machine has an answer', () => {
  const { count, reason } = resolveWorkers('auto')
  expect(count).toBeGreaterThanOrEqual(1)
  expect(reason).toMatch(/^auto: .+ the acceptor$/)
})
