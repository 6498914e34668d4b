import { readdirSync, readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100

/** Process ids of a process and all its descendants. */
export function processTree(root) {
  const children = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      // It ended while we looked.
    }
  }
  const tree = [root]
  for (let i = 0; i < tree.length; i += 1) tree.push(...(children.get(tree[i]) ?? []))
  return tree
}

/** CPU seconds, user and system, that a process and its descendants have used so far, all threads. */
export function cpuSeconds(root) {
  let ticks = 0
  for (const pid of processTree(root)) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      ticks += Number(fields[11]) + Number(fields[12])
    } catch {
      // It ended.
    }
  }
  return ticks / TICKS_PER_SECOND
}

/** Resident memory of the tree in MiB. */
export function residentMiB(root) {
  let kib = 0
  for (const pid of processTree(root)) {
    try {
      kib += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch {
      // It ended.
    }
  }
  return kib / 1024
}
