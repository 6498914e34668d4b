import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { carriedIds } from './carried-ids.js'
import { contractCoverage } from './coverage.js'

it('every id of the contract is in the name of a test of the suite', () => {
  const { missing, unknown } = contractCoverage(fileURLToPath(new URL('..', import.meta.url)))
  expect({ missing, unknown }).toEqual({ missing: [], unknown: [] })
})

it('finds ids in titles of tests that run, in those around them and in tables that the title shows', () => {
  const source = `
    // A-01 in a comment
    const name = 'A-02 in a text'
    describe('A-03 outer', () => {
      it('A-04, A-05 inner', () => undefined)
      it.skip('A-06 left out', () => undefined)
      describe.skip('A-07 left out', () => { it('A-08', () => undefined) })
    })
    describe('A-09 empty', () => undefined)
    it.each([['A-10', 1]])('%s', () => undefined)
    it.each([['A-11', 1]])('not shown', () => undefined)
    test(\`A-12 \${name}\`, () => undefined)
    it.todo('A-13')
  `
  expect(carriedIds(source).map(({ id }) => id)).toEqual(['A-03', 'A-04', 'A-05', 'A-10', 'A-12'])
})
