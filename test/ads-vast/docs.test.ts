import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as ads from '#src/ads/index.js'

/** Runs an example: what it logs must be what stands behind it. */
async function runExample(code: string): Promise<number> {
  const body = code
    .replace(/^import \{(.*)\} from 'headgate\/ads'$/m, 'const {$1} = ads')
    .replace(
      /^console\.log\((.*)\) \/\/ (.*)$/gm,
      (_, value, text) => `check(${value}, ${JSON.stringify(text)})`,
    )
  let checks = 0
  const check = (value: unknown, text: string) => {
    checks += 1
    expect(String(value)).toBe(text)
  }
  const run = Object.getPrototypeOf(async () => {}).constructor('ads', 'check', body)
  await run(ads, check)
  return checks
}

describe.each(['vast-macros.md', 'vast.md'])('docs/ads/%s', (name) => {
  const file = new URL(`../../docs/ads/${name}`, import.meta.url)
  const text = readFileSync(file, 'utf8')

  it.each([...text.matchAll(/```ts\n(.*?)```/gs)].map(([, code = '']) => code))(
    'example %#',
    async (code) => {
      expect(await runExample(code)).toBe([...code.matchAll(/console\.log/g)].length)
    },
  )
})

const FOLDER = new URL('../../docs/ads/', import.meta.url)
const PAGES = [...readdirSync(FOLDER).filter((name) => name.endsWith('.md')), '../ad-serving.md']

/** As a heading becomes the end of a link. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

describe('pages of docs/ads', () => {
  it('are all of them looked at', () => {
    expect(PAGES.length).toBeGreaterThanOrEqual(5)
  })

  it.each(PAGES)('%s has only links that lead somewhere', (name) => {
    const file = new URL(name, FOLDER)
    for (const [, link = ''] of readFileSync(file, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue
      const [path = '', fragment] = link.split('#')
      const target = path === '' ? file : new URL(path, file)
      expect(() => readFileSync(target), link).not.toThrow()
      if (fragment === undefined) continue
      const headings = [...readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => text)
      expect(headings.map(anchor), link).toContain(fragment)
    }
  })
})
