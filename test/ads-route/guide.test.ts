import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'

const DOCS = new URL('../../docs/', import.meta.url)
const GUIDE = readFileSync(new URL('guides/session-management.md', DOCS), 'utf8')
const library = import.meta.resolve('#src/ads/index.js')
const folder = mkdtempSync(join(tmpdir(), 'headgate-guide-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

const setup = (/```ts setup\n(.*?)```/s.exec(GUIDE)?.[1] ?? '').replace(
  "'headgate/ads'",
  JSON.stringify(library),
)

/** Each example with what it prints, and the section that it stands in. */
const examples = [...GUIDE.matchAll(/```ts\n(.*?)```\n(?:\n```text\n(.*?)```)?/gs)].map((match, index) => {
  const before = GUIDE.slice(0, match.index)
  const section = [...before.matchAll(/^## (.*)$/gm)].at(-1)?.[1] ?? ''
  return { index, section, code: match[1] ?? '', printed: match[2] ?? '' }
})

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

/** Output as shown, places for what differs each time filled. */
function pattern(printed: string): RegExp {
  const escaped = printed.trimEnd().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('<uuid>', UUID).replaceAll('<ms>', '\\d{13}')}$`)
}

describe('docs/guides/session-management.md', () => {
  it('B-01, B-65 has the eight sections and a page for each of the four subjects', () => {
    expect([...GUIDE.matchAll(/^## (.*)$/gm)].map((match) => match[1])).toEqual([
      'Quick start',
      'SessionContext basics',
      'VAST macro substitution',
      'Request correlation',
      'Cookie management',
      'Stateful ad serving',
      'Advanced patterns',
      'Best practices',
      'Related documentation',
    ])
    expect(examples.length).toBeGreaterThanOrEqual(18)
  })

  it.each(examples)(
    'B-01 example $index runs and prints what it says: $section',
    async ({ index, code, printed }) => {
      const file = join(folder, `example-${index}.mjs`)
      writeFileSync(file, `${setup}\n${code}`)
      const lines: string[] = []
      vi.spyOn(console, 'log').mockImplementation((...words: unknown[]) => void lines.push(words.join(' ')))
      await import(pathToFileURL(file).href)
      expect(lines.join('\n')).toMatch(pattern(printed))
    },
  )

  it.each([
    'guides/session-management.md',
    'guides/stateful-ad-serving.md',
    'session-management-architecture.md',
    'ads-architecture.md',
    'terminology.md',
    'ad-serving.md',
  ])('B-65 %s has no dead link', (page) => {
    const url = new URL(page, DOCS)
    const text = readFileSync(url, 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\(([^)]+)\)/g)) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? url : new URL(path, url)
      expect(existsSync(target), link).toBe(true)
      if (anchor === undefined) continue
      const heads = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map((head) =>
        (head[1] ?? '').toLowerCase().replaceAll(' ', '-'),
      )
      expect(heads, link).toContain(anchor)
    }
  })
})
