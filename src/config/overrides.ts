import type { Path } from './problem.js'
import { type ConfigSource, plainSource } from './source.js'

/** What the command line says; it goes over what the file says. Values are as typed. */
export interface Overrides {
  readonly listen?: string
  readonly admin?: string
  readonly workers?: string
  readonly acceptor?: string
  readonly logLevel?: string
  /** Goes to `workerLimits.maxAge`. */
  readonly maxWorkerAge?: string
  /** Peers of one upstream `default` that serves every path, in place of the file's upstreams and routes. */
  readonly upstream?: readonly string[]
}

export interface Overridden {
  readonly value: unknown
  /** The flag that a path comes from, or null. */
  readonly sourceOf: (path: Path) => ConfigSource | null
}

/** Lays the flags over a config value. A value that is not a section is left alone, for the schema to refuse. */
export function applyOverrides(value: unknown, overrides: Overrides): Overridden {
  const flags = new Map<string, ConfigSource>()
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { value, sourceOf: () => null }
  const result: Record<string, unknown> = Object.fromEntries(Object.entries(value))
  const set = (key: string, flag: string, item: unknown): void => {
    result[key] = item
    flags.set(key, plainSource(flag, item))
  }
  const { listen, admin, workers, acceptor, logLevel, maxWorkerAge, upstream = [] } = overrides
  const setWithin = (section: string, key: string, flag: string, item: string): void => {
    const before: unknown = result[section]
    result[section] = { ...(typeof before === 'object' && before !== null ? before : {}), [key]: item }
    flags.set(`${section}.${key}`, plainSource(flag, item))
  }
  if (listen !== undefined) set('listen', '--listen', listen)
  if (admin !== undefined) set('admin', '--admin', withAddress(result['admin'], admin))
  if (workers !== undefined) {
    set('workers', '--workers', workers)
    // What the file says about its own number says nothing about this one.
    delete result['tunedOn']
  }
  if (acceptor !== undefined) set('acceptor', '--acceptor', acceptor)
  if (upstream.length > 0) {
    set('upstreams', '--upstream', { default: { peers: [...upstream] } })
    set('routes', '--upstream', [{ match: { path: '/*' }, upstream: 'default' }])
  }
  if (logLevel !== undefined) setWithin('log', 'level', '--log-level', logLevel)
  if (maxWorkerAge !== undefined) setWithin('workerLimits', 'maxAge', '--max-worker-age', maxWorkerAge)
  return {
    value: result,
    sourceOf: (path) => flags.get(String(path[0])) ?? flags.get(path.slice(0, 2).join('.')) ?? null,
  }
}

/** The address of the flag; token and names of the file stay. */
function withAddress(admin: unknown, address: string): unknown {
  if (typeof admin !== 'object' || admin === null || address === 'off' || address === 'false') return address
  return { ...admin, listen: address }
}
