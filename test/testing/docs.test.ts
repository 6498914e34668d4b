import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Filter, HOOK_NAMES } from '#src/lifecycle/index.js'
import { testFilter } from '#src/testing/index.js'

const FILE = new URL('../../docs/filters.md', import.meta.url)
const text = readFileSync(FILE, 'utf8')
/** A block of code under a comment that names the file it is of. */
const SHOWN = /(<!-- file: ([^ ]+) -->\n```ts\n)(.*?)(```)/gs

describe('docs/filters.md', () => {
  it('shows the examples as they are, which other tests run', () => {
    const root = new URL('../../', import.meta.url)
    const current = text.replace(SHOWN, (_, start: string, path: string, _old: string, end: string) => {
      return start + readFileSync(new URL(path, root), 'utf8') + end
    })
    expect([...text.matchAll(SHOWN)].length).toBeGreaterThan(5)
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(FILE, current)
    else expect(text, 'an example has changed: UPDATE_DOCS=1 writes it anew').toBe(current)
  })

  it('has no other TypeScript that nobody runs', () => {
    expect(text.split('```ts\n')).toHaveLength([...text.matchAll(SHOWN)].length + 1)
  })

  it('has a row for every hook, in the order in which they run', async () => {
    const rows = [...text.matchAll(/^\| \d* ?\| `(\w+)`/gm)].map((match) => match[1])
    expect(rows).toEqual([...HOOK_NAMES])
    const notes = Object.fromEntries(HOOK_NAMES.map((hook) => [hook, () => undefined]))
    const answer = await testFilter({ name: 'all', ...notes } as Filter, {
      upstream: () => ({ body: ['a'], trailers: { t: '1' } }),
    }).request({ method: 'POST', body: 'x' })
    const onFailure = [
      'failToConnect',
      'errorWhileProxy',
      'failToProxy',
      'suppressErrorLog',
      'requestSummary',
    ]
    const headers = { 'cache-control': 'max-age=9, stale-while-revalidate=9', age: '10', vary: 'a' }
    const cached = testFilter({ name: 'all', ...notes } as Filter, {
      cache: true,
      upstream: () => ({ headers, body: 'a' }),
    })
    const answers = [answer, await cached.request(), await cached.request()]
    const phases = answers.flatMap((one) => one.phases)
    const ran = phases.filter((hook, index) => phases.indexOf(hook) === index)
    const listed = rows.filter((hook) => hook !== undefined && !onFailure.includes(hook))
    expect(new Set(ran)).toEqual(new Set(listed))
  })

  it('has only links that lead somewhere', () => {
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map((match) => match[1] ?? '')
    for (const link of links.filter((target) => !target.startsWith('http'))) {
      expect(() => readFileSync(new URL(link, FILE)), link).not.toThrow()
    }
  })
})
