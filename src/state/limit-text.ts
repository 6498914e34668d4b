import { type Amount, Money } from '../money/index.js'

export interface Limit {
  readonly amount: Amount
  /** Null when the text names none: it is then in the currency of the cost. */
  readonly currency: string | null
}

/** ISO 4217 has this code for what has none. */
const NO_CURRENCY = 'XXX'

/** Reads a limit as it stands in a store, `1000` or `1000.00 USD`. Null when there is none or it cannot be read: both fail closed (D6). */
export function readLimit(text: string | undefined): Limit | null {
  if (text === undefined) return null
  try {
    const money = Money.parse(text, NO_CURRENCY)
    return { amount: money.toAmount(), currency: money.currency === NO_CURRENCY ? null : money.currency }
  } catch {
    return null
  }
}
