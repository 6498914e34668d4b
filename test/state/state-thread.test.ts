import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { PortStore } from '#src/state/index.js'
import { StateThread } from '#src/state/state-thread.js'

const ended = (error: Error | null): never => {
  throw error ?? new Error('the thread has ended')
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'headgate-state-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

const cap = { key: 'freq:u:c', max: 1, window: { kind: 'fixed', windowMs: 60_000 }, mode: 'reserve' } as const
const decision = (id: string) => ({ id, caps: [cap], budgets: [] })

describe('StateThread', () => {
  it('decides for all its ports in one store, which is on the disk when it closes', async () => {
    const path = join(folder(), 'db')
    const open = async () => {
      const thread = await StateThread.start([{ path, durability: 'process' }], ended)
      const stores = [thread.connect(0), thread.connect(0)].map(
        (port) => new PortStore(port, { name: 'lmdb', hashTags: false }),
      )
      return { thread, stores }
    }
    const first = await open()
    const granted = await Promise.all(
      first.stores.map((store, index) => store.reserve(decision(`d${index}`), { holdMs: 60_000 })),
    )
    expect(granted.filter((result) => result.granted)).toHaveLength(1)
    await first.thread.close()
    await first.thread.close()
    const second = await open()
    expect((await second.stores[0]?.reserve(decision('d9'), { holdMs: 60_000 }))?.granted).toBe(false)
    await second.thread.close()
  })

  it('says so when a store cannot be opened', async () => {
    await expect(StateThread.start([{ path: '/dev/null/x' }], ended)).rejects.toThrow()
  })
})
