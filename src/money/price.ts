import { type Amount, checkAmount } from './amount.js'
import { Money } from './money.js'

/** What one impression costs, exact to a thousandth of a micro. */
export interface Price {
  readonly amount: Amount
  /** ISO 4217. */
  readonly currency: string
}

/** Cost of one impression at a price for a thousand (C-08, F-55): exact for every CPM, as this has at most six decimals. */
export function priceOfCpm(cpm: Money): Price {
  if (!Money.isMoney(cpm)) throw new TypeError(`a CPM must be a Money, not ${typeof cpm}`)
  return priceOfCpmMicros(cpm.micros, cpm.currency)
}

/** The same of whole micros, a bid's say. */
export function priceOfCpmMicros(cpmMicros: bigint, currency: string): Price {
  return { amount: { micros: Number(cpmMicros / 1000n), nanos: Number(cpmMicros % 1000n) }, currency }
}

/** A cost that is known as such. @throws TypeError for anything but a {@link Money}, a number above all (B-64) */
export function priceOf(cost: Money): Price {
  if (!Money.isMoney(cost)) {
    throw new TypeError(
      `a cost must be a Money such as Money.parse('2.50'), not ${typeof cost === 'number' ? `the number ${String(cost)}` : typeof cost}`,
    )
  }
  const amount = cost.toAmount()
  checkAmount(amount, 'a cost')
  return { amount, currency: cost.currency }
}
