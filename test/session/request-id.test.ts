import { describe, expect, it } from 'vitest'
import { generateRequestId } from '#src/session/request-id.js'

describe('A-23 the request id', () => {
  it('is `req-` and a uuid of version 4, other every time, beyond what is drawn at once', () => {
    const ids = Array.from({ length: 5000 }, generateRequestId)
    for (const id of ids) {
      expect(id).toMatch(/^req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    }
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('takes every value of every free digit', () => {
    const seen = Array.from({ length: 40 }, () => new Set<string>())
    for (let i = 0; i < 2000; i += 1) {
      for (const [at, digit] of [...generateRequestId()].entries()) seen[at]?.add(digit)
    }
    const counts = seen.map((digits) => digits.size)
    const template = 'req-xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx'
    expect(counts).toEqual([...template].map((sign) => (sign === 'x' ? 16 : sign === 'y' ? 4 : 1)))
  })
})
