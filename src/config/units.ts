import { InvalidValue, show } from './invalid-value.js'

/** A reference that is replaced when the config is loaded: `${VAR}`, `${VAR:-default}`, `${file:/run/secrets/x}`. */
export type Reference = `\${${string}}`

/** Time with its unit: `250ms`, `1.5s`, `5m`, `1h`, `2d`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | Reference

/** Bytes with their unit: `512B`, `16KiB` (1024), `1MB` (1000 * 1000), `2GiB`. */
export type Size = `${number}${'B' | 'KiB' | 'MiB' | 'GiB' | 'KB' | 'MB' | 'GB'}` | Reference

export const DURATION_PATTERN = '\\d+(?:\\.\\d+)?(?:ms|s|m|h|d)'
export const SIZE_PATTERN = '\\d+(?:\\.\\d+)?(?:B|[KMG]i?B)'

/** Timers of Node take a signed 32-bit number of milliseconds. */
export const MAX_DURATION_MS = 2 ** 31 - 1

const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const BYTES_PER: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
}

/** Other spellings that people write, for the hint only. */
const DURATION_WORDS: Readonly<Record<string, string>> = {
  msec: 'ms',
  msecs: 'ms',
  millis: 'ms',
  milliseconds: 'ms',
  sec: 's',
  secs: 's',
  second: 's',
  seconds: 's',
  min: 'm',
  mins: 'm',
  minute: 'm',
  minutes: 'm',
  hour: 'h',
  hours: 'h',
  day: 'd',
  days: 'd',
}

/**
 * Milliseconds of a duration such as `250ms`, `1s`, `5m`, `1h`, `2d`. Whole milliseconds, at most {@link MAX_DURATION_MS}.
 * @throws InvalidValue for anything else, also for a plain number: it does not say its unit.
 */
export function parseDuration(value: unknown): number {
  if (typeof value === 'number') {
    throw new InvalidValue(`${value} has no unit`, `say the unit, e.g. '${value}ms' or '${value}s'`)
  }
  if (typeof value !== 'string') {
    throw new InvalidValue(`expected a duration such as '250ms', got ${show(value)}`)
  }
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value.trim())
  if (match === null) throw new InvalidValue(`expected a duration such as '250ms', got ${show(value)}`)
  const [, number = '', unit = ''] = match
  if (unit === '')
    throw new InvalidValue(`${number} has no unit`, `say the unit, e.g. '${number}ms' or '${number}s'`)
  const scale = Object.hasOwn(MS_PER, unit) ? MS_PER[unit] : undefined
  if (scale === undefined || value !== number + unit) {
    const lower = unit.toLowerCase()
    const known = { ...DURATION_WORDS, ms: 'ms', s: 's', m: 'm', h: 'h', d: 'd' }
    const word = new Map(Object.entries(known)).get(lower)
    throw new InvalidValue(
      `expected a duration such as '250ms', got ${show(value)}`,
      word === undefined ? 'the units are ms, s, m, h, d' : `write '${number}${word}'`,
    )
  }
  const ms = rounded(Number(number) * scale)
  if (!Number.isInteger(ms)) throw new InvalidValue(`${value} is not a whole number of milliseconds`)
  if (ms > MAX_DURATION_MS) throw new InvalidValue(`${value} is too long`, 'at most 24d')
  return ms
}

/**
 * Bytes of a size such as `512B`, `16KiB` (1024), `1MB` (1000 * 1000). Whole bytes.
 * @throws InvalidValue for anything else, also for a plain number: it does not say its unit.
 */
export function parseSize(value: unknown): number {
  if (typeof value === 'number') {
    throw new InvalidValue(`${value} has no unit`, `say the unit, e.g. '${value}B' or '${value}KiB'`)
  }
  if (typeof value !== 'string') {
    throw new InvalidValue(`expected a size such as '16KiB', got ${show(value)}`)
  }
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(value.trim())
  if (match === null) throw new InvalidValue(`expected a size such as '16KiB', got ${show(value)}`)
  const [, number = '', unit = ''] = match
  if (unit === '')
    throw new InvalidValue(`${number} has no unit`, `say the unit, e.g. '${number}B' or '${number}KiB'`)
  const scale = Object.hasOwn(BYTES_PER, unit) ? BYTES_PER[unit] : undefined
  if (scale === undefined || value !== number + unit) {
    throw new InvalidValue(`expected a size such as '16KiB', got ${show(value)}`, sizeHint(number, unit))
  }
  const bytes = rounded(Number(number) * scale)
  if (!Number.isInteger(bytes)) throw new InvalidValue(`${value} is not a whole number of bytes`)
  if (!Number.isSafeInteger(bytes)) throw new InvalidValue(`${value} is too large`)
  return bytes
}

/** Removes the noise of binary fractions (1.1 * 1000), without making a whole number of a real fraction. */
function rounded(value: number): number {
  const nearest = Math.round(value)
  return Math.abs(value - nearest) < 1e-6 ? nearest : value
}

function sizeHint(number: string, unit: string): string {
  const known = Object.keys(BYTES_PER).find((name) => name.toLowerCase() === unit.toLowerCase())
  if (known !== undefined) return `write '${number}${known}'`
  if (/^[kmg]$/i.test(unit)) {
    const letter = unit.toUpperCase()
    return `write '${number}${letter}iB' (powers of 1024) or '${number}${letter}B' (powers of 1000)`
  }
  return 'the units are B, KiB, MiB, GiB, KB, MB, GB'
}
