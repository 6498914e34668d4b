import { InvalidValue, show } from './invalid-value.js'
import { suggest } from './suggest.js'

// Apart from the schema, so that the command line can check its flags without loading a validation library.

/** Values of `log.level`. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** Values of `acceptor`. */
export const ACCEPTORS = ['auto', 'uws', 'node'] as const

/** Values of `dns.prefer`. */
export const ADDRESS_PREFERENCES = ['both', 'ipv4', 'ipv6'] as const

/** Values of `tls.minVersion`. */
export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

/** Most workers that may be asked for. */
export const MAX_WORKERS = 256

/** @throws InvalidValue unless it is a whole number (or its digits) within the bounds. */
export function parseCount(value: unknown, min: number, max: number): number {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) {
    throw new InvalidValue(`expected a whole number, got ${show(value)}`)
  }
  if (number < min) throw new InvalidValue(`${number} is too small`, `at least ${min}`)
  if (number > max) throw new InvalidValue(`${number} is too large`, `at most ${max}`)
  return number
}

/** @throws InvalidValue unless it is one of the values. */
export function parseChoice<const T extends string>(value: unknown, values: readonly T[]): T {
  const found = values.find((candidate) => candidate === value)
  if (found !== undefined) return found
  const near = typeof value === 'string' ? suggest(value, values) : null
  throw new InvalidValue(
    `expected ${values.map((candidate) => `'${candidate}'`).join(' or ')}, got ${show(value)}`,
    near === null ? null : `did you mean '${near}'?`,
  )
}

/** @throws InvalidValue unless it is `auto` or a number of workers. */
export function parseWorkers(value: unknown): number | 'auto' {
  if (value === 'auto') return 'auto'
  if (typeof value === 'string' && !/^\d+$/.test(value)) {
    throw new InvalidValue(`expected 'auto' or a number, got ${show(value)}`)
  }
  return parseCount(value, 1, MAX_WORKERS)
}
