import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** What the numbers belong to. */
export function machine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    governor: text('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor') ?? 'not told (virtual machine)',
    cgroupQuota: text('/sys/fs/cgroup/cpu.max') ?? 'none',
    virtual: /\bhypervisor\b/.test(text('/proc/cpuinfo') ?? ''),
    node: process.version,
    commit: commit(),
    loadBefore: loadavg()[0],
  }
}

/** What was measured; null outside of a checkout. */
function commit() {
  const { status, stdout } = spawnSync('git', ['describe', '--always', '--dirty'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : null
}

function text(path) {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : null
}
