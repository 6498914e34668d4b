/**
 * An amount as stores keep it: two whole numbers, because a thousandth of a CPM need not be whole micros (F-06). The value is
 * `micros + nanos / 1000` millionths of the currency's unit.
 */
export interface Amount {
  /** Millionths of the currency's unit, 0 to 2^53 − 1. */
  readonly micros: number
  /** Thousandths of a micro, 0 to 999. */
  readonly nanos: number
}

export const ZERO: Amount = { micros: 0, nanos: 0 }

/** The greatest amount that stores add exactly: Lua's numbers are doubles. Nine thousand million units. */
export const MAX_MICROS: number = Number.MAX_SAFE_INTEGER

export function addAmounts(a: Amount, b: Amount): Amount {
  const nanos = a.nanos + b.nanos
  return nanos < 1000
    ? { micros: a.micros + b.micros, nanos }
    : { micros: a.micros + b.micros + 1, nanos: nanos - 1000 }
}

/** `a − b`, never below zero. */
export function subtractAmounts(a: Amount, b: Amount): Amount {
  if (compareAmounts(a, b) <= 0) return ZERO
  const nanos = a.nanos - b.nanos
  return nanos >= 0
    ? { micros: a.micros - b.micros, nanos }
    : { micros: a.micros - b.micros - 1, nanos: nanos + 1000 }
}

/** Negative, zero or positive, as of `a − b`. */
export function compareAmounts(a: Amount, b: Amount): number {
  return a.micros === b.micros ? a.nanos - b.nanos : a.micros - b.micros
}

/** @throws TypeError unless it is a whole number of micros and nanos within range */
export function checkAmount(amount: Amount, what: string): void {
  const { micros, nanos } = amount
  if (!Number.isSafeInteger(micros) || micros < 0) {
    throw new TypeError(`${what} must be whole micros from 0 to ${MAX_MICROS}, not ${String(micros)}`)
  }
  if (!Number.isInteger(nanos) || nanos < 0 || nanos > 999) {
    throw new TypeError(`${what} must have 0 to 999 nanos, not ${String(nanos)}`)
  }
}
