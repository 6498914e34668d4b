import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configJsonSchema } from '#src/config/index.js'
import { reference } from './reference.js'
import { load } from './support.js'

describe.each(['routing.md', 'forwarding.md'])('docs/%s', (name) => {
  const file = new URL(`../../docs/${name}`, import.meta.url)
  const text = readFileSync(file, 'utf8')

  it('has examples that the gateway accepts without a warning', async () => {
    const examples = [...text.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? '')
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) {
      expect((await load({ 'headgate.yaml': example })).warnings, example).toEqual([])
    }
  })

  it('has only links that lead somewhere', () => {
    for (const [, link = '', anchor = ''] of text.matchAll(/\]\(([^)#]*)(?:#([^)]*))?\)/g)) {
      const target = link === '' ? text : readFileSync(new URL(link, file), 'utf8')
      const anchors = [...target.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^a-z0-9 -]/g, '')
          .replaceAll(' ', '-'),
      )
      if (anchor !== '') expect(anchors, link).toContain(anchor)
    }
  })
})

describe('the options of routes and of forwarding', () => {
  it('stand in the docs with the defaults of the schema', () => {
    const docs = ['routing.md', 'forwarding.md']
      .map((name) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8'))
      .join('\n')
    const rows = [...reference(configJsonSchema()).matchAll(/^\| `([^`]+)` \| .*? \| (.*?) \| /gm)]
    const ours = rows.filter(([, key = '']) =>
      /^(?:forwarding|paths)\.|^routes\[\]\.(?:split|redirect|respond|rewrite|mirror)\./.test(key),
    )
    expect(ours.length).toBeGreaterThan(18)
    for (const [, key = '', initial = ''] of ours) {
      const last = key.slice(key.lastIndexOf('.') + 1)
      const row = docs.split('\n').find((line) => new RegExp(`^\\| \`(?:[a-z]+\\.)?${last}\``).test(line))
      if (last === 'to') continue
      if (last === 'status') {
        expect(docs).toContain('status: 302')
        continue
      }
      expect(row, key).toBeDefined()
      if (initial.startsWith('`') && !['`[]`', '`{}`', '``'].includes(initial))
        expect(row, key).toContain(`| ${initial} |`)
    }
  })
})
