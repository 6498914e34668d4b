import { type Amount, Money } from '../ads/money/index.js'

export interface Limit {
  readonly amount: Amount
  /** Null when the text names none: it is then in the currency of the cost. */
  readonly currency: string | null
}

/** Reads a limit as it stands in a store, `1000` or `1000.00 USD`. Null when there is none or it cannot be read: both fail closed (D6). */
export function readLimit(text: string | undefined): Limit | null {
  if (text === undefined) return null
  try {
    const { currency } = Money.parse(text, 'XXX')
    return { amount: Money.parse(text).toAmount(), currency: currency === 'XXX' ? null : currency }
  } catch {
    return null
  }
}
