import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { strictTarget } from '#src/acceptor/guard/target.js'
import { normalTarget, type TargetRules } from '#src/routing/index.js'

const STRICT: TargetRules = { slashes: 'merge', ambiguous: 'reject' }
const LOOSE: TargetRules = { slashes: 'keep', ambiguous: 'keep' }

describe('the normal form of a target', () => {
  it.each([
    ['/', '/'],
    ['*', '*'],
    ['/a/b?c=/../d//e%2f', '/a/b?c=/../d//e%2f'],
    ['/a/./b', '/a/b'],
    ['/a/../b', '/b'],
    ['/a/..', '/'],
    ['/.', '/'],
    ['/a/b/..?x', '/a/?x'],
    ['/...', '/...'],
    ['/.a/..b/c.', '/.a/..b/c.'],
    ['//', '/'],
    ['/a//', '/a/'],
    ['/%41%7a%2D%7E', '/Az-~'],
    ['/%e4%3b', '/%E4%3B'],
    ['/a/%2E%2e/b', '/b'],
  ])('B14 of %s is %s', (target, wanted) => {
    expect(normalTarget(target, STRICT)).toBe(wanted)
  })

  it.each([
    ['/a//b/../c', '/a//c'],
    ['/../a', '/a'],
    ['/a%2f..%2Fb', '/a%2F..%2Fb'],
    ['/a/..;/b', '/a/..;/b'],
  ])('B14 of %s is %s where everything is kept', (target, wanted) => {
    expect(normalTarget(target, LOOSE)).toBe(wanted)
  })

  it('is its own normal form, has no dot segment, and says the same as the WHATWG URL parser', () => {
    const likely = fc.string({ unit: fc.constantFrom(...'ab./%2eE5cfF;?'), maxLength: 24 })
    fc.assert(
      fc.property(likely, fc.boolean(), (rest, isStrict) => {
        const target = strictTarget(`/${rest}`)
        if (target === null) return
        const rules = isStrict ? STRICT : LOOSE
        const normal = normalTarget(target, rules)
        if (normal === null) return
        expect(normalTarget(normal, rules)).toBe(normal)
        const path = normal.split('?', 1)[0] ?? ''
        expect(path).not.toMatch(/\/\.\.?(?:\/|$)/)
        if (isStrict) expect(path).not.toMatch(/\/\/|%2f|%5c/i)
        else {
          // It leaves other escapes as they are: compared in decoded form.
          const known = new URL(`http://h${target}`).pathname
          // Node's parser overlooks some dot segments behind a name that begins with a dot: `//.a/.` stays as it is.
          if (/\/\.\.?(?:\/|$)/.test(known)) return
          expect(decodeLatin1(path)).toBe(decodeLatin1(known))
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

function decodeLatin1(path: string): string {
  return path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
