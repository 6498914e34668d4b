import { describe, expect, it } from 'vitest'
import { FilterChain } from '#src/lifecycle/index.js'

describe('FilterChain', () => {
  it('lists for each hook the filters that have it, with the index of their context', () => {
    const chain = new FilterChain([
      { name: 'a', requestFilter: () => undefined },
      { name: 'b', logging: () => undefined, bufferRequestBody: true },
      { name: 'c', requestFilter: () => undefined, logging: () => undefined },
    ])
    const names = (hook: 'requestFilter' | 'logging' | 'responseFilter') =>
      chain.places(hook).map(({ filter, index }) => `${filter.name}${index}`)
    expect(names('requestFilter')).toEqual(['a0', 'c2'])
    expect(names('logging')).toEqual(['b1', 'c2'])
    expect(names('responseFilter')).toEqual([])
    expect([chain.bufferRequestBody, chain.bufferResponseBody, chain.filtersResponseBody]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('finds hooks that a class inherits', () => {
    class Base {
      readonly name = 'base'
      requestFilter(): void {}
    }
    class Derived extends Base {}
    expect(new FilterChain([new Derived()]).requestFilter).toHaveLength(1)
  })

  it('A-46 frees each context once, and only those that were made', () => {
    const freed: unknown[] = []
    const filter = (name: string) => ({
      name,
      newCtx: () => name,
      freeCtx: (ctx: unknown) => void freed.push(ctx),
    })
    const chain = new FilterChain([filter('a'), filter('b')])
    const contexts: unknown[] = []
    expect(chain.freeContexts(contexts)).toEqual([])
    expect(chain.createContexts(contexts)).toBeNull()
    expect(chain.freeContexts(contexts)).toEqual([])
    expect(chain.freeContexts(contexts)).toEqual([])
    expect(freed).toEqual(['a', 'b'])
  })

  it('A-46 a context may be undefined, and a freeCtx that throws keeps no other from being freed', () => {
    const freed: unknown[] = []
    const chain = new FilterChain([
      {
        name: 'a',
        newCtx: () => undefined,
        freeCtx: () => {
          throw new Error('boom')
        },
      },
      { name: 'b', newCtx: () => 1, freeCtx: (ctx) => void freed.push(ctx) },
    ])
    const contexts: unknown[] = []
    chain.createContexts(contexts)
    expect(chain.freeContexts(contexts)).toEqual([new Error('boom')])
    expect(freed).toEqual([1])
  })
})
