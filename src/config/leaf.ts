import { z } from 'zod'
import { InvalidValue, show } from './invalid-value.js'
import {
  DURATION_PATTERN,
  type Duration,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
  type Size,
} from './units.js'
import { parseChoice, parseCount } from './values.js'

/** JSON Schema keywords of one value. `$comment` names its type for the reference in docs/configuration.md. */
type Keywords = Readonly<Record<string, unknown>>

/** Any value may come from the environment, so an editor must accept a string with a reference in place of it. */
const REFERENCE = { type: 'string', pattern: '\\$\\{.+\\}' }

/**
 * One value of the config: how it is read, and what JSON Schema says about it. Zod's own scalar types would give
 * messages that do not tell what to write instead.
 * @param parse throws InvalidValue.
 */
export function leaf<Out, In>(keywords: Keywords, parse: (value: unknown) => Out): z.ZodType<Out, In> {
  const schema = z.unknown().transform((value, context) => {
    try {
      return parse(value)
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error
      context.addIssue({ code: 'custom', message: error.message, params: { hint: error.hint } })
      return z.NEVER
    }
  })
  // The transform takes anything at run time; In is what the types and the JSON Schema ask for.
  return schema.meta(keywords) as unknown as z.ZodType<Out, In>
}

/** Inclusive, written with a unit. */
interface Bounds<T> {
  readonly min?: T
  readonly max?: T
}

/** A duration; not zero unless `min` says so. */
export function duration(bounds: Bounds<Duration> = {}): z.ZodType<number, Duration> {
  const keywords = { $comment: 'duration', type: 'string', pattern: withReference(DURATION_PATTERN) }
  return leaf(keywords, (value) => within(parseDuration, value, bounds))
}

/** A duration, or `none` (also 0), which gives 0. */
export function durationOrNone(): z.ZodType<number, Duration | 'none' | 0> {
  const text = { type: 'string', pattern: withReference(`none|${DURATION_PATTERN}`) }
  return leaf({ $comment: 'duration or `none`', anyOf: [text, { const: 0 }] }, (value) =>
    isNone(value) ? 0 : within(parseDuration, value, {}),
  )
}

/** A size; not zero unless `min` says so. */
export function size(bounds: Bounds<Size> = {}): z.ZodType<number, Size> {
  const keywords = { $comment: 'size', type: 'string', pattern: withReference(SIZE_PATTERN) }
  return leaf(keywords, (value) => within(parseSize, value, bounds))
}

/** A size, or `none` (also 0), which gives 0. */
export function sizeOrNone(bounds: Bounds<Size> = {}): z.ZodType<number, Size | 'none' | 0> {
  const text = { type: 'string', pattern: withReference(`none|${SIZE_PATTERN}`) }
  return leaf({ $comment: 'size or `none`', anyOf: [text, { const: 0 }] }, (value) =>
    isNone(value) ? 0 : within(parseSize, value, bounds),
  )
}

/** A whole number. */
export function count(min: number, max = Number.MAX_SAFE_INTEGER): z.ZodType<number, number> {
  const integer = { type: 'integer', minimum: min, ...(max < Number.MAX_SAFE_INTEGER && { maximum: max }) }
  return leaf({ $comment: 'number', anyOf: [integer, REFERENCE] }, (value) => parseCount(value, min, max))
}

export function flag(): z.ZodType<boolean, boolean> {
  return leaf({ $comment: 'true or false', anyOf: [{ type: 'boolean' }, REFERENCE] }, (value) => {
    if (value === true || value === 'true') return true
    if (value === false || value === 'false') return false
    throw new InvalidValue(`expected true or false, got ${show(value)}`)
  })
}

export function choice<const T extends string>(...values: readonly T[]): z.ZodType<T, T> {
  const keywords = { $comment: values.map((value) => `\`${value}\``).join(', ') }
  return leaf({ ...keywords, anyOf: [{ enum: [...values] }, REFERENCE] }, (value) =>
    parseChoice(value, values),
  )
}

/** A text that is not empty. */
export function text(keywords: Keywords = {}): z.ZodType<string, string> {
  return leaf({ $comment: 'text', type: 'string', minLength: 1, ...keywords }, (value) => {
    if (typeof value === 'string' && value !== '') return value
    throw new InvalidValue(`expected text, got ${value === '' ? 'an empty one' : show(value)}`)
  })
}

/** A pattern for editors: the form itself, or something with a reference in it. */
export function withReference(pattern: string): string {
  return `^(?:${pattern}|.*\\$\\{.+\\}.*)$`
}

function isNone(value: unknown): boolean {
  return value === 'none' || value === 0
}

function within<T extends string>(
  parse: (value: unknown) => number,
  value: unknown,
  bounds: Bounds<T>,
): number {
  const number = parse(value)
  const { min, max } = bounds
  if (min === undefined && number === 0) throw new InvalidValue(`${value} is too small`, 'more than 0')
  if (min !== undefined && number < parse(min))
    throw new InvalidValue(`${value} is too small`, `at least ${min}`)
  if (max !== undefined && number > parse(max))
    throw new InvalidValue(`${value} is too large`, `at most ${max}`)
  return number
}
