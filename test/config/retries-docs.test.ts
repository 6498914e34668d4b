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

  it('names every key', () => {
    const keys = ['retries', 'timeouts', 'limits', 'breaker'].flatMap((section) =>
      knownKeys(schemaAt(configJsonSchema(), ['upstreams', 'x', section]) ?? {}),
    )
    expect(keys).toHaveLength(4 + 5 + 3 + 6)
    for (const key of keys) expect(text).toMatch(new RegExp(`\`${key}[\`.]`))
  })
})
