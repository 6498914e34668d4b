import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { idsWithin, namedTests, readName } from './collect.js'
import { CATALOGUE } from './rows.js'
import { catalogueTable } from './table.js'

const DOCS = new URL('../../docs/reliability.md', import.meta.url)
const MARKED = /(<!-- catalogue:[^\n]*-->\n)(.*)(<!-- end of catalogue -->)/s

describe('the catalogue of faults and abuse', () => {
  it('has a test for each of its cases', () => {
    const covered = new Set(namedTests().flatMap(({ ids }) => ids))
    expect(CATALOGUE).toHaveLength(17 + 23 + 16)
    expect(CATALOGUE.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([])
  })

  it('stands in docs/reliability.md as its tests are named', () => {
    const expected = `\n${catalogueTable(CATALOGUE, namedTests())}\n\n`
    if (process.env['UPDATE_DOCS'] === '1') {
      const text = readFileSync(DOCS, 'utf8')
      writeFileSync(
        DOCS,
        text.replace(MARKED, (_, start: string, __, end: string) => start + expected + end),
      )
    }
    const written = MARKED.exec(readFileSync(DOCS, 'utf8'))?.[2]
    expect(written, 'the table differs from the tests: UPDATE_DOCS=1 writes it anew').toBe(expected)
  })

  it.each([
    ['A1 a refused connection', ['A1'], 'a refused connection'],
    ['U19 B7 connections', ['B7'], 'connections'],
    ['B16, A10: a 101', ['B16', 'A10'], 'a 101'],
    ['F-33 §4.2 B19: Set-Cookie', ['B19'], 'Set-Cookie'],
    ['A-23 one request id', [], 'one request id'],
    ['B64 is no row', [], 'is no row'],
  ])('reads %j', (name, ids, title) => {
    expect(readName(name)).toEqual({ ids, title })
  })

  it('finds ids of groups and of tests in a full name', () => {
    expect(idsWithin('B22 secrets > of the query token=abc')).toEqual(['B22'])
    expect(idsWithin('streams over node B8 200 clients, A-23 C3: both')).toEqual(['B8', 'C3'])
  })
})
