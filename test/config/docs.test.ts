import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configJsonSchema } from '#src/config/index.js'
import { reference } from './reference.js'
import { load } from './support.js'

const FILE = new URL('../../docs/configuration.md', import.meta.url)
const MARKED = /(<!-- reference:[^\n]*-->\n)(.*)(<!-- end of reference -->)/s

describe('docs/configuration.md', () => {
  it('lists every key with the type, default and meaning of the schema', () => {
    const expected = `\n${reference(configJsonSchema())}\n`
    const text = readFileSync(FILE, 'utf8')
    if (process.env['UPDATE_DOCS'] === '1') {
      writeFileSync(
        FILE,
        text.replace(MARKED, (_, start: string, __, end: string) => start + expected + end),
      )
    }
    const written = MARKED.exec(readFileSync(FILE, 'utf8'))?.[2]
    expect(written, 'the reference differs from the schema: UPDATE_DOCS=1 writes it anew').toBe(expected)
  })

  it('names every key of the schema somewhere in the reference', () => {
    const table = reference(configJsonSchema())
    for (const key of [
      'limits.headerCount',
      'upstreams.NAME.peers',
      'upstreams.NAME.tls.servername',
      'routes[].match.host',
      'routes[].filters[].with',
    ]) {
      expect(table).toContain(`| \`${key}\` |`)
    }
  })

  it('has filter examples that the gateway accepts', async () => {
    const text = readFileSync(FILE, 'utf8')
    const examples = [...text.matchAll(/```yaml\n(filters:.*?)```/gs)].map((match) => match[1] ?? '')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      const { filters } = parse(example) as { filters: unknown }
      const config = { upstreams: { app: { peers: ['a:1'] } }, routes: [{ upstream: 'app', filters }] }
      await load({ 'headgate.json': JSON.stringify(config), 'filters/greet.ts': '' })
    }
  })

  it('shows the report of a mistake as it is', async () => {
    const text = readFileSync(FILE, 'utf8')
    const shown = /```\n(headgate\.yaml:2:11.*?)\n```/s.exec(text)?.[1]
    const yaml = "upstreams: { app: { peers: ['a:1'] } }\nlimits: { sesions: 1 }\n"
    const error: unknown = await load({ 'headgate.yaml': yaml }).catch((caught: unknown) => caught)
    expect((error as Error).message).toBe(shown)
  })
})
