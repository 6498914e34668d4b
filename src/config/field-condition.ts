import type { FieldCondition } from '../routing/index.js'
import { isToken } from '../session/header-rules.js'
import { InvalidValue, show } from './invalid-value.js'
import { suggest } from './suggest.js'

/** How a condition on a header or a query parameter is written. */
export type WrittenCondition =
  | boolean
  | string
  | { readonly equals: string }
  | { readonly prefix: string }
  | { readonly suffix: string }
  | { readonly contains: string }

const OPS = ['equals', 'prefix', 'suffix', 'contains'] as const

/**
 * `true` (it is there), `false` (it is not), a text that it equals, or one of `{ equals, prefix, suffix, contains }`.
 * @throws InvalidValue
 */
export function parseCondition(value: unknown): Omit<FieldCondition, 'name'> {
  if (value === true || value === 'true') return { op: 'present', value: '' }
  if (value === false || value === 'false') return { op: 'absent', value: '' }
  if (typeof value === 'string' || typeof value === 'number') return { op: 'equals', value: text(value) }
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
  const [entry, another] = entries
  if (entry === undefined || another !== undefined) {
    throw new InvalidValue(
      `expected true, false, a text or one of { ${OPS.join(', ')} }, got ${show(value)}`,
      "for example 'beta', or { prefix: 'Bearer ' }",
    )
  }
  const [key, wanted] = entry
  const op = OPS.find((known) => known === key)
  if (op === undefined) {
    const near = suggest(key, OPS)
    throw new InvalidValue(
      `there is no condition '${key}'`,
      near === null ? `there are ${OPS.join(', ')}` : `did you mean '${near}'?`,
    )
  }
  return { op, value: text(wanted) }
}

function text(value: unknown): string {
  if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  if (typeof value === 'string' && !/[^\t\x20-\x7e]/.test(value)) return value
  throw new InvalidValue(`expected a text of visible ASCII, got ${show(value)}`)
}

/** Conditions by name, as a list. Header names become lower case. @throws InvalidValue for a name that no header has */
export function conditionList(
  written: Readonly<Record<string, Omit<FieldCondition, 'name'>>>,
  kind: 'header' | 'query',
): FieldCondition[] {
  return Object.entries(written).map(([name, condition]) => ({
    ...condition,
    name: kind === 'header' ? headerName(name) : name,
  }))
}

function headerName(name: string): string {
  if (!isToken(name)) throw new InvalidValue(`${show(name)} is not a header name`)
  return name.toLowerCase()
}

/** Does every value that `later` asks for also satisfy `earlier`? */
export function conditionCovers(earlier: FieldCondition, later: FieldCondition): boolean {
  if (earlier.name !== later.name) return false
  if (earlier.op === later.op && earlier.value === later.value) return true
  return earlier.op === 'present' && later.op !== 'absent'
}

/**
 * `x-beta`, `!x-beta`, `x-beta=…`, `x-beta^=…`, `x-beta$=…`, `x-beta*=…`, after the selectors of CSS. The value may be a secret, and names of
 * routes stand in logs and metrics (B22).
 */
export function conditionName({ name, op }: FieldCondition): string {
  if (op === 'present') return name
  if (op === 'absent') return `!${name}`
  const sign = { equals: '=', prefix: '^=', suffix: '$=', contains: '*=' }[op]
  return `${name}${sign}…`
}
