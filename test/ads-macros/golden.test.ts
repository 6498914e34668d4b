import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  type MacroPlace,
  type MacroScalar,
  SessionContext,
  substituteMacros,
  VAST_MACROS,
  WITHHELD,
} from '#src/ads/index.js'

interface Row extends Partial<Record<MacroPlace, [string, string, string]>> {
  name: string
  value: MacroScalar | MacroScalar[]
}

const rows: Row[] = JSON.parse(
  readFileSync(new URL('../fixtures/ads/macros/golden.json', import.meta.url), 'utf8'),
)
const NOW_MS = Date.UTC(2023, 11, 10, 16)
const context = SessionContext.fromJSON({
  ...SessionContext.create().toJSON(),
  correlator: '550e8400-e29b-41d4-a716-446655440000',
})
const PLACES = ['request', 'tracking', 'error', 'clickTracking', 'verificationNotExecuted'] as const

describe("the IAB's list of macros, by the golden file", () => {
  it('has 59 macros, all in the table', () => {
    expect(rows).toHaveLength(59)
    expect([...VAST_MACROS.keys()]).toEqual(rows.map((row) => row.name))
  })

  it.each(rows)('$name with a value, unknown and withheld', (row) => {
    const places = PLACES.filter((place) => row[place] !== undefined)
    expect(places.length).toBeGreaterThanOrEqual(2)
    for (const place of places) {
      const [value, unknown, withheld] = row[place] ?? ['', '', '']
      const expand = (
        values: Record<string, MacroScalar | MacroScalar[] | typeof WITHHELD>,
        policy?: Set<string>,
      ) => {
        const options = { place, nowMs: NOW_MS, withheld: policy }
        const url = substituteMacros(`https://a.example/?x=[${row.name}]&y=1`, context, values, options)
        const text = /^https:\/\/a\.example\/\?x=(.*)&y=1$/.exec(url)?.[1] ?? url
        return unknown === '<8 digits>' && /^[1-9][0-9]{7}$/.test(text) && text !== value
          ? '<8 digits>'
          : text
      }
      expect(expand({ [row.name]: row.value }), `${place}, value`).toBe(value)
      expect(expand({}), `${place}, unknown`).toBe(unknown)
      expect(expand({ [row.name]: WITHHELD }), `${place}, withheld by the value`).toBe(withheld)
      expect(expand({ [row.name]: row.value }, new Set([row.name])), `${place}, withheld by policy`).toBe(
        withheld,
      )
    }
  })
})
