import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Amount,
  addAmounts,
  compareAmounts,
  Money,
  priceOf,
  priceOfCpm,
  subtractAmounts,
} from '#src/money/index.js'

const amounts = fc.record({
  micros: fc.integer({ min: 0, max: 2 ** 50 }),
  nanos: fc.integer({ min: 0, max: 999 }),
})
const nanos = ({ micros, nanos: rest }: Amount): bigint => BigInt(micros) * 1000n + BigInt(rest)

describe('Money', () => {
  it('B-64 parses decimal strings exactly', () => {
    expect(Money.parse('2.50').micros).toBe(2_500_000n)
    expect(Money.parse('0.000001').micros).toBe(1n)
    expect(Money.parse('1000').toString()).toBe('1000.00 USD')
    expect(Money.parse('2.505 EUR').toString()).toBe('2.505 EUR')
    expect(Money.parse('7', 'JPY').currency).toBe('JPY')
    expect(JSON.stringify({ price: Money.parse('2.50') })).toBe('{"price":"2.50 USD"}')
  })

  it('B-64 one hundred thousand times 0.002 is 200 exactly', () => {
    let sum = Money.parse('0')
    const cost = Money.parse('0.002')
    for (let count = 0; count < 100_000; count += 1) sum = sum.plus(cost)
    expect(sum.equals(Money.parse('200'))).toBe(true)
    expect(cost.times(100_000).equals(sum)).toBe(true)
  })

  it('B-64 refuses floats, by type and at run time', () => {
    // @ts-expect-error a number is no money
    expect(() => Money.parse(2.5)).toThrow(TypeError)
    // @ts-expect-error a number is no money
    expect(() => Money.ofMicros(2.5)).toThrow(TypeError)
    // @ts-expect-error a number is no money
    expect(() => Money.parse('1').plus(2.5)).toThrow(TypeError)
    // @ts-expect-error a number is no money
    expect(() => priceOf(2.5)).toThrow(/Money\.parse/)
    // @ts-expect-error what only looks like money is none
    expect(() => priceOf({ micros: 1n, currency: 'USD' })).toThrow(TypeError)
    // @ts-expect-error a number is no money
    expect(() => priceOfCpm(2)).toThrow(TypeError)
  })

  it.each([
    '',
    '.5',
    '5.',
    '-1',
    '+1',
    '1e3',
    '1,000',
    '0x10',
    '1.1234567',
    '1 usd',
    '1  USD',
    ' 1',
    'NaN',
    '1234567890123',
  ])('refuses %j', (text) => {
    expect(() => Money.parse(text)).toThrow(TypeError)
  })

  it('never mixes currencies, never goes below zero or beyond 2^53 micros', () => {
    expect(() => Money.parse('1 USD').plus(Money.parse('1 EUR'))).toThrow('cannot reckon EUR against USD')
    expect(() => Money.parse('1').minus(Money.parse('1.000001'))).toThrow(RangeError)
    expect(() => Money.parse('9007199254.740992')).toThrow(RangeError)
    expect(Money.parse('9007199254.740991').micros).toBe(BigInt(Number.MAX_SAFE_INTEGER))
  })

  it('prints what it parses', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, BigInt(Number.MAX_SAFE_INTEGER)), (micros) => {
        const money = Money.ofMicros(micros, 'EUR')
        return Money.parse(money.toString()).equals(money)
      }),
    )
  })

  it('C-08, F-55 an impression costs a thousandth of its CPM, to the nano', () => {
    expect(priceOfCpm(Money.parse('2.00')).amount).toEqual({ micros: 2000, nanos: 0 })
    expect(priceOfCpm(Money.parse('2.005')).amount).toEqual({ micros: 2005, nanos: 0 })
    expect(priceOfCpm(Money.parse('2.0005')).amount).toEqual({ micros: 2000, nanos: 500 })
    expect(priceOfCpm(Money.parse('0.000001 EUR'))).toEqual({
      amount: { micros: 0, nanos: 1 },
      currency: 'EUR',
    })
  })

  it('F-06 amounts with nanos add, subtract and compare as whole numbers do', () => {
    fc.assert(
      fc.property(amounts, amounts, (a, b) => {
        expect(nanos(addAmounts(a, b))).toBe(nanos(a) + nanos(b))
        expect(addAmounts(a, b).nanos).toBeLessThan(1000)
        const difference = nanos(a) - nanos(b)
        expect(nanos(subtractAmounts(a, b))).toBe(difference > 0n ? difference : 0n)
        expect(Math.sign(compareAmounts(a, b))).toBe(difference > 0n ? 1 : difference < 0n ? -1 : 0)
      }),
    )
  })
})
