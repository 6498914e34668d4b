import type { z } from 'zod'
import { InvalidValue, show } from './invalid-value.js'
import { leaf, withReference } from './leaf.js'
import type { Reference } from './units.js'

/** A share with its unit: `25%`, `12.5%`. */
export type Percent = `${number}%` | Reference

/** A share of up to `max` percent, as a fraction: `25%` is 0.25. */
export function percent(max = 100): z.ZodType<number, Percent> {
  const pattern = withReference('\\d+(?:\\.\\d+)?%')
  return leaf({ $comment: 'percentage', type: 'string', pattern }, (value) => parsePercent(value, max))
}

/** @throws InvalidValue */
export function parsePercent(value: unknown, max: number): number {
  if (typeof value === 'number') throw new InvalidValue(`${value} has no unit`, `write '${value}%'`)
  const digits = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] : undefined
  if (digits === undefined) throw new InvalidValue(`expected a percentage such as '25%', got ${show(value)}`)
  if (Number(digits) > max) throw new InvalidValue(`${value} is too large`, `at most ${max}%`)
  return Number(digits) / 100
}
