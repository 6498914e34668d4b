import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '#src/config/index.js'
import { knownKeys, schemaAt } from '#src/config/json-schema.js'
import { BALANCE_ALGORITHMS } from '#src/upstream/balance/index.js'
import { load } from './support.js'

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8')

describe.each(['balancing.md', 'health.md'])('docs/%s', (name) => {
  it('has examples that the gateway accepts without a warning', async () => {
    const examples = [...read(name).matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
    expect(examples.length).toBeGreaterThanOrEqual(2)
    for (const example of examples) {
      const { warnings } = await load({ 'headgate.yaml': example })
      expect(warnings).toEqual([])
    }
  })
})

describe('the pages on balancing and health', () => {
  it('name every algorithm and every key', () => {
    const text = read('balancing.md') + read('health.md')
    const section = (...path: string[]) =>
      knownKeys(schemaAt(configJsonSchema(), ['upstreams', 'x', ...path]) ?? {})
    const keys = [section('balance'), section('ejection'), section('health')].flat()
    expect(keys.length).toBe(3 + 6 + 8)
    for (const name of [...BALANCE_ALGORITHMS, ...keys, 'panicThreshold'])
      expect(text).toContain(`\`${name}\``)
  })
})
