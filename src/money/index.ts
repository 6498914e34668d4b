export {
  type Amount,
  addAmounts,
  checkAmount,
  compareAmounts,
  MAX_MICROS,
  subtractAmounts,
  ZERO,
} from './amount.js'
export { CURRENCIES, isCurrency } from './currencies.js'
export { DEFAULT_CURRENCY, Money } from './money.js'
export { type Price, priceOf, priceOfCpm, priceOfCpmMicros } from './price.js'
