import { immutable } from './frozen-instance-error.js'

/** What a context may carry beside its ids: survives JSON and a structured clone as it is. */
export type PlainValue =
  | string
  | number
  | boolean
  | null
  | readonly PlainValue[]
  | { readonly [name: string]: PlainValue }

/**
 * A copy of plain data that cannot be changed at any depth: every attempt throws `FrozenInstanceError` (B-20).
 * @throws TypeError for anything that is not plain data
 */
export function deepImmutable<T extends object>(value: T, name: string): T {
  return copy(value, name) as T
}

function copy(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return immutable(value.map((item, at) => copy(item, `${name}[${at}]`)))
  if (typeof value === 'object' && value !== null) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null)
      throw new TypeError(`'${name}' must be plain data`)
    const target: Record<string, unknown> = Object.create(null)
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) target[key] = copy(item, `${name}.${key}`)
    }
    return immutable(target)
  }
  if (value === null || ['string', 'boolean'].includes(typeof value) || Number.isFinite(value)) return value
  throw new TypeError(`'${name}' must be plain data`)
}
