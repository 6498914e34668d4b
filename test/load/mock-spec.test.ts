import { expect, it } from 'vitest'
import { InvalidValue } from '#src/config/invalid-value.js'
import { parseMock } from '#src/load/mock-spec.js'

it.each([
  ['mock', {}],
  ['mock:5ms', { delayMs: 5 }],
  ['mock:2KB', { bodyBytes: 2000 }],
  ['mock:1s,64KiB', { delayMs: 1000, bodyBytes: 65_536 }],
  ['real', null],
])('%s', (text, expected) => {
  expect(parseMock(text)).toEqual(expected)
})

it.each(['mocked', 'mock:', 'mock:5', 'mock:fast', '', 'http://127.0.0.1:9000'])('%j is refused', (text) => {
  expect(() => parseMock(text)).toThrow(InvalidValue)
})
