import { describe, expect, it } from 'vitest'
import { LinkMemory } from '#src/dispatch/index.js'
import { RingReader, RingWriter } from '#src/mailbox/index.js'

describe('C3 the memory of links', () => {
  it('is taken again, with nothing in it of the worker that had it', () => {
    const memory = new LinkMemory()
    const first = memory.take()
    const second = memory.take()
    expect(second.toWorker).not.toBe(first.toWorker)
    const writer = new RingWriter(first.toWorker)
    const offset = writer.reserve(1, 2, 3, 6)
    writer.bytes.write('secret', offset)
    writer.publish()
    expect(new RingReader(first.toWorker).next()).toBe(true)
    memory.giveBack(first)
    const again = memory.take()
    expect([again.toWorker, again.toAcceptor]).toEqual([first.toWorker, first.toAcceptor])
    expect(new RingReader(again.toWorker).next()).toBe(false)
    expect(Buffer.from(again.toWorker).includes('secret')).toBe(false)
    expect(memory.take().toWorker).not.toBe(again.toWorker)
  })
})
