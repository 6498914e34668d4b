import { expect, it } from 'vitest'
import { TargetMemories } from '#src/upstream/http1/target-memory.js'

const target = (id: number) => ({ id: `t${id}`, host: '127.0.0.1', port: 1 + id })

it('remembers targets that come and go up to a bound, the oldest is forgotten first', () => {
  const memories = new TargetMemories()
  const first = memories.of(target(0), 'a.test')
  for (let id = 1; id < 1024; id += 1) memories.of(target(id), id % 2 === 0 ? 'a.test' : null)
  expect(memories.of(target(0), 'a.test')).toBe(first)
  memories.of(target(1024), null)
  expect(memories.of(target(0), 'a.test')).not.toBe(first)
  expect([...memories.named('a.test')].map(([id]) => id)).toContain('t2')
  expect([...memories.named('a.test')].length).toBeLessThanOrEqual(513)
  expect([...memories.named('elsewhere.test')]).toEqual([])
})

it('has nothing to dial where the target is an address, or nobody resolves names', () => {
  const memories = new TargetMemories()
  expect(memories.of(target(1), null).dial(undefined)).toBeNull()
  expect(memories.of(target(2), 'a.test').dial(undefined)).toBeNull()
})
