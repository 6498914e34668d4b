import { detectMachine, type SystemReaders, systemReaders, usableCores } from './machine.js'
import type { WorkerCount } from './types.js'

/**
 * The number of workers and why. `auto`: the cores that the process may use, by affinity and by the CPU quota of its
 * cgroup (v2 or v1), rounded down, minus one for the acceptor; at least 1.
 */
export function resolveWorkers(
  setting: number | 'auto',
  readers: SystemReaders = systemReaders,
): WorkerCount {
  if (setting !== 'auto') return { count: setting, reason: 'as configured' }
  const machine = detectMachine(readers)
  const { affinityCores, quotaCores } = machine
  const cores = usableCores(machine)
  const origin =
    quotaCores !== null && quotaCores < affinityCores
      ? `CPU quota of ${plural(Number(quotaCores.toFixed(2)))} on ${affinityCores}`
      : plural(cores)
  const share = cores > 1 ? 'one for the acceptor' : 'shared with the acceptor'
  return { count: Math.max(1, cores - 1), reason: `auto: ${origin}, ${share}` }
}

function plural(cores: number): string {
  return cores === 1 ? '1 core' : `${cores} cores`
}
