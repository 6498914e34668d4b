import { describe, expect, expectTypeOf, it } from 'vitest'
import { createUserContext, type UserContext } from '#src/session/user-context.js'

describe('createUserContext', () => {
  it('A-43 holds user, request and level, frozen', () => {
    const context = createUserContext({ userId: 'u1', requestId: 'req-1', authLevel: 255 })
    expect(context).toEqual({ userId: 'u1', requestId: 'req-1', authLevel: 255 })
    expect(Object.isFrozen(context)).toBe(true)
    expectTypeOf(context).toEqualTypeOf<UserContext>()
  })

  it.each([-1, 256, 1.5, Number.NaN, '7' as unknown as number])('A-43 refuses the level %j', (authLevel) => {
    expect(() => createUserContext({ userId: 'u', requestId: 'r', authLevel })).toThrow(RangeError)
  })
})
