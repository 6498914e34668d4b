import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configJsonSchema } from '#src/config/index.js'
import { load } from '../config/support.js'
import { tlsFixture } from '../support/tls-fixtures.js'

const TEXT = readFileSync(new URL('../../docs/upstreams.md', import.meta.url), 'utf8')
const EXAMPLES = [...TEXT.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
const FILES = {
  'tls/authority.crt': tlsFixture('authority.crt').pem,
  'tls/client.crt': tlsFixture('client.crt').pem,
  'tls/client.key': tlsFixture('client.key').pem,
}

function section(example: string, path: readonly string[]): Record<string, unknown> {
  let at = parse(example) as Record<string, unknown>
  for (const key of path) at = at[key] as Record<string, unknown>
  return at
}

describe('docs/upstreams.md', () => {
  it.each(EXAMPLES)('has examples that are valid as they stand: %#', async (example) => {
    const { config } = await load({ 'headgate.yaml': `${example}${routes(example)}`, ...FILES })
    expect(config.upstreams.length).toBeGreaterThan(0)
  })

  it('shows every option of dns and tls, those of dns with their defaults', () => {
    const [, dns = '', tls = ''] = EXAMPLES
    const properties = configJsonSchema().properties?.['dns']?.properties ?? {}
    const shown = section(dns, ['dns'])
    expect(Object.keys(shown)).toEqual(Object.keys(properties))
    for (const [key, { default: initial }] of Object.entries(properties)) {
      if (initial !== undefined) expect([key, shown[key]]).toEqual([key, initial])
    }
    const upstreams = configJsonSchema().properties?.['upstreams']?.additionalProperties
    const branches = typeof upstreams === 'object' ? upstreams.properties?.['tls']?.anyOf : undefined
    const options = branches?.find((branch) => branch.properties !== undefined)?.properties ?? {}
    expect(Object.keys(section(tls, ['upstreams', 'app', 'tls']))).toEqual(Object.keys(options))
  })
})

/** Two upstreams need routes. */
function routes(example: string): string {
  const names = Object.keys(section(example, ['upstreams']))
  const matches = names.map((name) => `{ match: { host: ${name}.test }, upstream: ${name} }`)
  return `routes: [${matches.join(', ')}]\n`
}
