import type { Machine } from './machine.js'

/** The machine that a worker count was measured on: what stands under `tunedOn`. */
export interface TunedOn {
  /** Cores that the process could run on. */
  readonly cores: number
  /** CPU quota in cores; null without one. */
  readonly quota: number | null
  /** Of the machine, or the limit of the cgroup. */
  readonly memoryBytes: number
  readonly cpu: string
}

/** Memory that a kernel keeps for itself changes with its version; a quota is written with two digits. */
const SAME_WITHIN = 0.1

export function tunedOn(machine: Machine): TunedOn {
  return {
    cores: machine.affinityCores,
    quota: machine.quotaCores === null ? null : Number(machine.quotaCores.toFixed(2)),
    memoryBytes: machine.memoryLimitBytes ?? machine.memoryBytes,
    cpu: machine.cpu,
  }
}

/** What is not as it was, readable: `8 cores instead of 4`. Empty when a measurement made then holds now. */
export function machineChanges(then: TunedOn, now: TunedOn): string[] {
  const changes: string[] = []
  const change = (is: string, was: string): void => {
    changes.push(`${is} instead of ${was}`)
  }
  if (then.cores !== now.cores) change(plural(now.cores), plural(then.cores))
  if (!sameQuota(then.quota, now.quota)) change(quotaText(now.quota), quotaText(then.quota))
  if (Math.abs(then.memoryBytes - now.memoryBytes) > then.memoryBytes * SAME_WITHIN) {
    change(`${gibibytes(now.memoryBytes)} of memory`, gibibytes(then.memoryBytes))
  }
  if (then.cpu !== now.cpu) change(now.cpu, then.cpu)
  return changes
}

function sameQuota(then: number | null, now: number | null): boolean {
  if (then === null || now === null) return then === now
  return Math.abs(then - now) < 0.01
}

function quotaText(quota: number | null): string {
  return quota === null ? 'no CPU quota' : `a CPU quota of ${plural(quota)}`
}

function plural(cores: number): string {
  return cores === 1 ? '1 core' : `${cores} cores`
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
