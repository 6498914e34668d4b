import { readdirSync, readFileSync } from 'node:fs'
import type { ProcessUsage } from './types.js'

/** `USER_HZ`: a hundred on every Linux of today (proc_pid_stat(5)). */
const US_PER_TICK = 10_000

/**
 * What a process and all its descendants have used so far, from `/proc`: nginx, Varnish and HAProxy work in children of the
 * process that was started. What ended before is missed.
 * @throws Error where there is no `/proc`.
 */
export function processUsage(root: number): ProcessUsage {
  const pids = processTree(root)
  let cpuUs = 0
  let residentBytes = 0
  let voluntarySwitches = 0
  let involuntarySwitches = 0
  for (const pid of pids) {
    const fields = statFields(pid)
    cpuUs += (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * US_PER_TICK
    residentBytes += statusNumber(read(`/proc/${pid}/status`), 'VmRSS') * 1024
    // Switches are counted for each thread apart; the process's own file has those of its first.
    for (const thread of list(`/proc/${pid}/task`)) {
      const status = read(`/proc/${pid}/task/${thread}/status`)
      voluntarySwitches += statusNumber(status, 'voluntary_ctxt_switches')
      involuntarySwitches += statusNumber(status, 'nonvoluntary_ctxt_switches')
    }
  }
  return { pids, cpuUs, residentBytes, voluntarySwitches, involuntarySwitches }
}

/** CPU microseconds per request between two readings. NaN without requests. */
export function cpuUsPerRequest(before: ProcessUsage, after: ProcessUsage, requests: number): number {
  return requests === 0 ? Number.NaN : (after.cpuUs - before.cpuUs) / requests
}

function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statFields(Number(name))[1])
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [Number(name)])
    else siblings.push(Number(name))
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(children.get(pid) ?? []))
  return tree
}

/** Fields after the name, which may hold blanks and brackets: state, ppid, ...; none when the process is gone. */
function statFields(pid: number): string[] {
  const stat = read(`/proc/${pid}/stat`)
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function statusNumber(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
}

/** A process may end while we look. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
