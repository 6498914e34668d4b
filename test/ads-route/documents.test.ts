import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkAdRoute } from '#src/ads/route/index.js'
import { load } from '../config/support.js'

const page = readFileSync(new URL('../../docs/ad-serving.md', import.meta.url), 'utf8')
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')

describe('docs/ad-serving.md', () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThanOrEqual(2)
  })

  it.each(examples)('example %# loads, and a worker could serve with it', async (text) => {
    const { config, warnings } = await load({ 'headgate.yaml': text })
    expect(warnings).toEqual([])
    const routes = config.routes.flatMap(({ adserving }) => (adserving === undefined ? [] : [adserving]))
    expect(routes).toHaveLength(1)
    expect(routes.flatMap(checkAdRoute)).toEqual([])
    expect(routes).toMatchObject([{ campaign: 'summer', events: { path: '/ads/event' } }])
  })
})
