import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '#src/config/index.js'
import { knownKeys, schemaAt } from '#src/config/json-schema.js'
import { load } from './support.js'

const text = readFileSync(new URL('../../docs/retries-and-timeouts.md', import.meta.url), 'utf8')

describe('docs/retries-and-timeouts.md', () => {
  it('has examples that the gateway accepts without a warning', async () => {
    const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
    expect(examples).toHaveLength(5)
    for (const example of examples) {
      const { warnings } = await load({ 'headgate.yaml': example })
      expect(warnings).toEqual([])
    }
  })

  it.each([
    ['Retries', ['retries'], 4 + 2 + 2],
    ['Timeouts', ['timeouts'], 5],
    ['Limits', ['limits'], 3],
    ['Adaptive concurrency', ['concurrency', 'adaptive'], 5],
    ['Breaker', ['breaker'], 6],
  ])('names every key with its unit under %s, and no other', (title, path, count) => {
    const keys = keysUnder(['upstreams', 'x', ...path])
    expect(keys).toHaveLength(count)
    const rows = rowsUnder(title)
    const told = [...rows.keys()].flatMap((key) => [...key.matchAll(/`([\w.]+)`/g)].map(([, name]) => name))
    // A section whose keys are told is told with them.
    const leaves = keys.filter(
      (key) => !keys.some((other) => other.startsWith(`${key}.`)) || told.includes(key),
    )
    expect(told.sort()).toEqual(leaves.sort())
    for (const [key, unit] of rows) {
      expect(unit, key).toMatch(
        /^(?:time|% of [a-z ]+|requests|retries|attempts|retries a second|list of statuses)(?:, or `none`)?$/,
      )
    }
  })
})

/** Keys of a section of the configuration, those within its sections with dots. */
function keysUnder(path: readonly string[]): string[] {
  const schema = schemaAt(configJsonSchema(), path)
  return (schema === undefined || schema === null ? [] : knownKeys(schema)).flatMap((key) => [
    key,
    ...keysUnder([...path, key]).map((nested) => `${key}.${nested}`),
  ])
}

/** First and second cell of each row of the table under a heading. */
function rowsUnder(title: string): Map<string, string> {
  const section = text.split('\n## ').find((part) => part.startsWith(`${title}\n`)) ?? ''
  const cells = [...section.matchAll(/^\| (`[^|]*) \|([^|]*)\|/gm)]
  return new Map(cells.map(([, key = '', unit = '']) => [key.trim(), unit.trim()]))
}
