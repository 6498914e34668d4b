import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { InvalidValue } from '#src/config/invalid-value.js'
import { MAX_DURATION_MS, parseDuration, parseSize } from '#src/config/units.js'

function refusal(parse: () => unknown): string {
  try {
    parse()
  } catch (error) {
    if (error instanceof InvalidValue)
      return error.hint === null ? error.message : `${error.message} | ${error.hint}`
    throw error
  }
  throw new Error('it was accepted')
}

describe('durations', () => {
  it.each([
    ['250ms', 250],
    ['1s', 1000],
    ['1.5s', 1500],
    ['1.1s', 1100],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['2d', 172_800_000],
    ['0s', 0],
  ])('reads %s as %d ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it.each([
    [250, "250 has no unit | say the unit, e.g. '250ms' or '250s'"],
    ['250', "250 has no unit | say the unit, e.g. '250ms' or '250s'"],
    ['10 s', "expected a duration such as '250ms', got '10 s' | write '10s'"],
    ['10S', "expected a duration such as '250ms', got '10S' | write '10s'"],
    ['5min', "expected a duration such as '250ms', got '5min' | write '5m'"],
    ['10 seconds', "expected a duration such as '250ms', got '10 seconds' | write '10s'"],
    ['3w', "expected a duration such as '250ms', got '3w' | the units are ms, s, m, h, d"],
    [
      '3constructor',
      "expected a duration such as '250ms', got '3constructor' | the units are ms, s, m, h, d",
    ],
    ['-1s', "expected a duration such as '250ms', got '-1s'"],
    ['', "expected a duration such as '250ms', got ''"],
    ['soon', "expected a duration such as '250ms', got 'soon'"],
    [null, "expected a duration such as '250ms', got nothing"],
    [true, "expected a duration such as '250ms', got true"],
    [['1s'], "expected a duration such as '250ms', got a list"],
    ['0.5ms', '0.5ms is not a whole number of milliseconds'],
    ['25d', '25d is too long | at most 24d'],
  ])('refuses %j', (value, message) => {
    expect(refusal(() => parseDuration(value))).toBe(message)
  })

  it('reads every whole number of every unit exactly', () => {
    const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
    const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]))
    fc.assert(
      fc.property(unit, fc.nat(), (name, number) => {
        fc.pre(number * units[name] <= MAX_DURATION_MS)
        expect(parseDuration(`${number}${name}`)).toBe(number * units[name])
      }),
    )
  })
})

describe('sizes', () => {
  it.each([
    ['512B', 512],
    ['16KiB', 16_384],
    ['1KB', 1000],
    ['1MiB', 1_048_576],
    ['1MB', 1_000_000],
    ['1.5MiB', 1_572_864],
    ['2GiB', 2_147_483_648],
    ['2GB', 2_000_000_000],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each([
    [16, "16 has no unit | say the unit, e.g. '16B' or '16KiB'"],
    ['16', "16 has no unit | say the unit, e.g. '16B' or '16KiB'"],
    [
      '16K',
      "expected a size such as '16KiB', got '16K' | write '16KiB' (powers of 1024) or '16KB' (powers of 1000)",
    ],
    ['16kb', "expected a size such as '16KiB', got '16kb' | write '16KB'"],
    ['16 KiB', "expected a size such as '16KiB', got '16 KiB' | write '16KiB'"],
    ['16TB', "expected a size such as '16KiB', got '16TB' | the units are B, KiB, MiB, GiB, KB, MB, GB"],
    ['-1B', "expected a size such as '16KiB', got '-1B'"],
    ['0.3B', '0.3B is not a whole number of bytes'],
    ['99999999999GiB', '99999999999GiB is too large'],
    [undefined, "expected a size such as '16KiB', got nothing"],
  ])('refuses %j', (value, message) => {
    expect(refusal(() => parseSize(value))).toBe(message)
  })
})

it('never ends in anything but a number or InvalidValue, whatever stands there', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      for (const parse of [parseDuration, parseSize]) {
        try {
          expect(Number.isSafeInteger(parse(value))).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidValue)
        }
      }
    }),
  )
})
