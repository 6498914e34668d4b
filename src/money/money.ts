import { type Amount, MAX_MICROS } from './amount.js'

const MICROS_PER_UNIT = 1_000_000n
const TEXT = /^(\d{1,12})(?:\.(\d{1,6}))?(?: ([A-Z]{3}))?$/
const CURRENCY = /^[A-Z]{3}$/

/** Where a price says no currency. */
export const DEFAULT_CURRENCY = 'USD'

/**
 * An exact, non-negative amount of money: whole micros (millionths of the currency's unit) and an ISO 4217 code. Floats are refused
 * by the types and at run time (contract B-64, F-06). Immutable.
 */
export class Money {
  /** Millionths of the currency's unit. */
  readonly #micros: bigint
  /** ISO 4217, three capitals. */
  readonly currency: string

  private constructor(micros: bigint, currency: string) {
    if (!CURRENCY.test(currency)) throw new TypeError(`'${currency}' is no ISO 4217 currency`)
    if (micros < 0n || micros > BigInt(MAX_MICROS)) {
      throw new RangeError(`money must be from 0 to ${MAX_MICROS} micros, not ${micros}`)
    }
    this.#micros = micros
    this.currency = currency
    Object.freeze(this)
  }

  get micros(): bigint {
    return this.#micros
  }

  /**
   * Reads `2.50` or `2.50 EUR`: digits, at most six decimals, no sign, no exponent.
   * @param currency where the text names none. Default `USD`.
   * @throws TypeError for anything else, a number above all; RangeError beyond 2^53 − 1 micros
   */
  static parse(text: string, currency: string = DEFAULT_CURRENCY): Money {
    if (typeof text !== 'string') {
      throw new TypeError(`money must be a decimal string such as '2.50', not ${describe(text)}`)
    }
    const match = TEXT.exec(text)
    if (match === null) throw new TypeError(`'${text}' is no amount such as '2.50' or '2.50 EUR'`)
    const [, units = '0', decimals = '', code = currency] = match
    return new Money(BigInt(units) * MICROS_PER_UNIT + BigInt(decimals.padEnd(6, '0')), code)
  }

  /** @throws TypeError unless `micros` is a bigint */
  static ofMicros(micros: bigint, currency: string = DEFAULT_CURRENCY): Money {
    if (typeof micros !== 'bigint') throw new TypeError(`micros must be a bigint, not ${describe(micros)}`)
    return new Money(micros, currency)
  }

  /** Is it one? For values that come from callers without types. */
  static isMoney(value: unknown): value is Money {
    return typeof value === 'object' && value !== null && #micros in value
  }

  /** @throws TypeError when the currencies differ */
  plus(other: Money): Money {
    return new Money(this.#micros + this.#same(other), this.currency)
  }

  /** @throws TypeError when the currencies differ; RangeError below zero */
  minus(other: Money): Money {
    return new Money(this.#micros - this.#same(other), this.currency)
  }

  /** @param count a bigint or a whole number */
  times(count: bigint | number): Money {
    return new Money(this.#micros * BigInt(count), this.currency)
  }

  /** Negative, zero or positive, as of `this − other`. @throws TypeError when the currencies differ */
  compare(other: Money): number {
    const difference = this.#micros - this.#same(other)
    return difference < 0n ? -1 : difference > 0n ? 1 : 0
  }

  equals(other: Money): boolean {
    return this.currency === other.currency && this.#micros === other.#micros
  }

  /** As stores keep it. */
  toAmount(): Amount {
    return { micros: Number(this.#micros), nanos: 0 }
  }

  /** What a store kept, rounded down to whole micros. */
  static fromAmount(amount: Amount, currency: string): Money {
    return new Money(BigInt(amount.micros), currency)
  }

  /** The amount alone: at least two decimals, at most six. */
  toDecimal(): string {
    const units = this.#micros / MICROS_PER_UNIT
    const decimals = String(this.#micros % MICROS_PER_UNIT).padStart(6, '0')
    return `${units}.${decimals.slice(0, 2)}${decimals.slice(2).replace(/0+$/, '')}`
  }

  /** `2.50 EUR`: what {@link Money.parse} reads. */
  toString(): string {
    return `${this.toDecimal()} ${this.currency}`
  }

  toJSON(): string {
    return this.toString()
  }

  #same(other: Money): bigint {
    if (!Money.isMoney(other)) throw new TypeError(`money must be a Money, not ${describe(other)}`)
    if (other.currency !== this.currency) {
      throw new TypeError(`cannot reckon ${other.currency} against ${this.currency}`)
    }
    return other.#micros
  }
}

function describe(value: unknown): string {
  return typeof value === 'number' || typeof value === 'bigint'
    ? `the ${typeof value} ${value}`
    : typeof value
}
