import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { SECRET_NAMES } from '#src/access-log/index.js'
import { configJsonSchema } from '#src/config/index.js'
import { PHASES } from '#src/histograms/index.js'
import { reference } from './reference.js'
import { load } from './support.js'

const text = readFileSync(new URL('../../docs/logging-and-tracing.md', import.meta.url), 'utf8')

it('docs/logging-and-tracing.md has examples that the gateway accepts without a warning', async () => {
  const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
  expect(examples.length).toBe(2)
  for (const example of examples)
    expect((await load({ 'headgate.yaml': example })).warnings, example).toEqual([])
})

it('docs/logging-and-tracing.md names every option with its default, every phase and every secret', () => {
  const rows = [...reference(configJsonSchema()).matchAll(/^\| `([^`]+)` \| .*? \| (.*?) \| /gm)]
  const ours = rows.filter(([, key = '']) => /^(?:accessLog|tracing|otlp|answers)\./.test(key))
  expect(ours.length).toBeGreaterThan(15)
  for (const [, key = '', initial = ''] of ours) {
    const name = key.split('.').at(-1) ?? ''
    const lines = text.split('\n').filter((line) => line.startsWith(`  ${name}: `))
    const value = initial.replaceAll('`', '')
    const isShown = value !== '' && value !== '[]' && value !== '{}'
    expect(
      lines.some((line) => !isShown || line.includes(value)),
      key,
    ).toBe(true)
  }
  for (const phase of PHASES) expect(text).toContain(`| \`${phase}\` |`)
  for (const name of SECRET_NAMES) {
    const isFamily = name.startsWith('x-amz-') || name.startsWith('x-goog-')
    if (!isFamily && name !== 'credentials') expect(text, name).toMatch(new RegExp(`\`${name}[\`(]`))
  }
})
