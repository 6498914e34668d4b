import { readFileSync } from 'node:fs'
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

  it('has only links that lead somewhere', () => {
    for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)/g)) {
      expect(() => readFileSync(new URL(link, file)), link).not.toThrow()
    }
  })
})
