/** What one check has found. `bad` keeps the gateway from running well, `warn` may, under load or some day. */
export interface Finding {
  readonly check: string
  readonly result: 'ok' | 'warn' | 'bad'
  readonly message: string
}

/** When each line of Node is no longer maintained, from https://github.com/nodejs/release. */
const END_OF_LIFE: Readonly<Record<number, string>> = {
  20: '2026-04-30',
  22: '2027-04-30',
  24: '2028-04-30',
  25: '2026-06-01',
}
const OLDEST = [20, 18] as const
/** Beside client connections: upstreams, logs, modules. */
const SPARE_FILES = 256
const WANTED_BACKLOG = 1024
const DAY_MS = 86_400_000
const SOON_DAYS = 90

/** @param version as `process.versions.node` */
export function checkNode(version: string, nowMs: number): Finding {
  const check = 'node'
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    return { check, result: 'bad', message: `Node ${version} is too old: ${OLDEST.join('.')} is needed` }
  const end = END_OF_LIFE[major]
  if (end === undefined) return { check, result: 'ok', message: `Node ${version}` }
  const days = Math.floor((Date.parse(end) - nowMs) / DAY_MS)
  if (days < 0)
    return { check, result: 'warn', message: `Node ${version}: this line has had no fixes since ${end}` }
  const message = `Node ${version}, maintained until ${end}`
  return { check, result: days < SOON_DAYS ? 'warn' : 'ok', message }
}

/** @param limits text of /proc/self/limits, null where there is none. @param connections `limits.connections` */
export function checkFiles(limits: string | null, connections: number): Finding {
  const check = 'open files'
  const found = /^Max open files\s+(\S+)/m.exec(limits ?? '')?.[1]
  if (found === undefined) return { check, result: 'ok', message: 'the system does not tell its limit' }
  // Each session may have a connection to an upstream too.
  const wanted = connections * 2 + SPARE_FILES
  const limit = found === 'unlimited' ? Number.POSITIVE_INFINITY : Number(found)
  if (limit >= wanted) return { check, result: 'ok', message: `limit ${found}` }
  const message = `limit ${found}, but limits.connections of ${connections} may take ${wanted}: raise it (ulimit -n, LimitNOFILE)`
  return { check, result: 'warn', message }
}

/** @param somaxconn text of /proc/sys/net/core/somaxconn */
export function checkBacklog(somaxconn: string | null): Finding {
  const check = 'somaxconn'
  if (somaxconn === null) return { check, result: 'ok', message: 'the system does not tell' }
  const limit = Number(somaxconn)
  if (limit >= WANTED_BACKLOG) return { check, result: 'ok', message: `${limit}` }
  const message = `${limit}: bursts of connections are dropped; sysctl -w net.core.somaxconn=4096`
  return { check, result: 'warn', message }
}

/** @param migrate text of /proc/sys/net/ipv4/tcp_migrate_req */
export function checkMigration(migrate: string | null): Finding {
  const check = 'tcp_migrate_req'
  if (migrate?.trim() === '1')
    return { check, result: 'ok', message: 'on: an upgrade loses no connection, whatever the load' }
  const message =
    'off: under heavy load an upgrade may reset a connection that was about to be accepted; sysctl -w net.ipv4.tcp_migrate_req=1'
  return { check, result: 'warn', message }
}

/**
 * @param limitBytes tightest memory limit of the process's cgroup and its parents, null without one
 * @param memoryBytes `overload.memory`, 0 = none
 */
export function checkCgroup(limitBytes: number | null, memoryBytes: number): Finding {
  const check = 'memory'
  if (limitBytes === null) return { check, result: 'ok', message: 'the cgroup has no limit' }
  const mib = (bytes: number): string => `${Math.floor(bytes / 1024 ** 2)}MiB`
  if (memoryBytes > 0 && memoryBytes <= limitBytes)
    return { check, result: 'ok', message: `overload.memory ${mib(memoryBytes)} of ${mib(limitBytes)}` }
  const message = `the cgroup ends the process at ${mib(limitBytes)}: set overload.memory to ${mib(limitBytes * 0.85)}`
  return { check, result: 'warn', message }
}

/**
 * @param quotaCores tightest CPU quota of the process's cgroup and its parents in cores, null without one
 * @param cores that the process may run on
 * @param workers `workers` as resolved, null when there is no configuration
 */
export function checkCpu(quotaCores: number | null, cores: number, workers: number | null): Finding {
  const check = 'cpu'
  if (quotaCores === null) return { check, result: 'ok', message: `${cores} cores, no quota` }
  const quota = `a quota of ${Number(quotaCores.toFixed(2))} of ${cores} cores`
  if (quotaCores < 1)
    return { check, result: 'warn', message: `${quota}: the acceptor alone is held back under load` }
  if (workers !== null && workers > Math.floor(quotaCores))
    return { check, result: 'warn', message: `${quota}, but ${workers} workers: set workers: auto` }
  return { check, result: 'ok', message: quota }
}
