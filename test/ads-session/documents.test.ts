import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MemoryStore, Money, UpstreamSession } from '#src/ads/index.js'
import { AskedUpstream, contextOf } from './setup.js'

const PAGE = readFileSync(new URL('../../docs/ads/caps-and-budgets.md', import.meta.url), 'utf8')

describe('docs/ads/caps-and-budgets.md', () => {
  it('its example serves an ad, counts its impression and charges it', async () => {
    const code = /```ts\n([\s\S]*?)```/.exec(PAGE)?.[1]?.replace(/^import .*$/m, '')
    expect(code).toContain('commitEvent')
    const scope = {
      UpstreamSession,
      Money,
      LmdbStore: MemoryStore,
      upstream: new AskedUpstream(),
      context: contextOf('alice'),
      process: { env: { EVENT_SECRET: 'a secret of at least 32 bytes, 01' } },
    }
    const body = `return (async () => { ${code ?? ''}; return { session, result } })()`
    const run = new Function(...Object.keys(scope), body) as (...values: unknown[]) => Promise<{
      session: UpstreamSession
      result: { kind: string }
    }>
    const { session, result } = await run(...Object.values(scope))
    expect(result.kind).toBe('fill')
    expect(String((await session.budget('campaign123')).spent)).toBe('0.002 USD')
    expect(await session.remainingImpressions('alice', 'campaign123')).toBe(2)
  })
})
