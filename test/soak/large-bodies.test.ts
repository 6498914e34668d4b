import { describe, expect, it } from 'vitest'
import { runTransfer } from '../support/transfer.js'

const MIB = 1024 * 1024
const MAX_RSS_BYTES = 250 * MIB

describe.each(['node', 'uws'] as const)('a gibibyte over %s', (acceptor) => {
  it.each(['down', 'up'] as const)(
    '%s, with a slow reader, arrives unchanged in little memory',
    async (direction) => {
      const totalBytes = 1024 * MIB
      const result = await runTransfer({
        acceptor,
        direction,
        framing: 'length',
        totalBytes,
        sliceBytes: 64 * MIB,
      })
      expect(result.status).toBe(200)
      expect(result.receivedBytes).toBe(totalBytes)
      expect(result.receivedSha256).toBe(result.sentSha256)
      expect(result.stops).toBe(16)
      if (result.rssBytes === null) console.warn('memory was not checked: this system has no /proc')
      else expect(result.rssBytes).toBeLessThan(MAX_RSS_BYTES)
    },
  )
})
