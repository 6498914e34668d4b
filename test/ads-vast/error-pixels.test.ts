import { describe, expect, it } from 'vitest'
import { createDestinationGuard, ErrorPixels, SessionContext } from '#src/ads/index.js'
import type { Transport, TransportRequest, TransportResponse } from '#src/ads/upstream/index.js'
import { MemoryDocuments } from './support/memory-documents.js'

/** Answers when it is told to. */
class HeldTransport implements Transport {
  readonly requests: TransportRequest[] = []
  private readonly held: (() => void)[] = []

  send(request: TransportRequest): Promise<TransportResponse> {
    this.requests.push(request)
    return new Promise((resolve) => {
      this.held.push(() => resolve({ status: 200, headers: {}, body: new Uint8Array(), url: request.url }))
    })
  }

  answer(): void {
    for (const one of this.held.splice(0)) one()
  }

  async close(): Promise<void> {}

  async healthCheck(): Promise<boolean> {
    return true
  }
}

describe('error pixels', () => {
  it('carry the code and the other macros, with the fields of the device', async () => {
    const transport = new MemoryDocuments({})
    const pixels = new ErrorPixels({ transport })
    const context = SessionContext.create()
    pixels.fire(
      ['https://e.example/?c=[ERRORCODE]&t=[TRANSACTIONID]&i=[IFA]&d=[DEVICEIP]&x=[FOREIGN]'],
      301,
      {
        context,
        values: { DEVICEIP: '192.0.2.1' },
        withheld: new Set(['IFA']),
        headers: { 'x-device-ip': '192.0.2.1' },
      },
    )
    await pixels.whenIdle()
    expect(transport.requests).toMatchObject([
      {
        url: `https://e.example/?c=301&t=${context.correlator}&i=-2&d=192.0.2.1&x=[FOREIGN]`,
        headers: { 'x-device-ip': '192.0.2.1' },
        context,
      },
    ])
    expect(pixels.sent).toBe(1)
  })

  it('have their code without a context, too', async () => {
    const transport = new MemoryDocuments({})
    const pixels = new ErrorPixels({ transport })
    pixels.fire(['https://e.example/?c=[ERRORCODE]', 'https://e.example/%5BERRORCODE%5D'], 303)
    await pixels.whenIdle()
    expect(transport.urls).toEqual(['https://e.example/?c=303', 'https://e.example/303'])
  })

  it('are never more at a time than the bound, and what does not fit the queue is dropped and counted', async () => {
    const transport = new HeldTransport()
    const pixels = new ErrorPixels({ transport, maxConcurrent: 2, maxQueued: 3 })
    pixels.fire(
      Array.from({ length: 8 }, (_, i) => `https://e.example/${i}`),
      900,
    )
    expect([transport.requests.length, pixels.dropped]).toEqual([2, 3])
    for (const expected of [4, 5]) {
      transport.answer()
      await new Promise(setImmediate)
      expect(transport.requests).toHaveLength(expected)
    }
    transport.answer()
    await pixels.whenIdle()
    expect([pixels.sent, pixels.failed, pixels.dropped]).toEqual([5, 0, 3])
  })

  it('fail alone: by an error, by time', async () => {
    const transport = new MemoryDocuments({
      'https://e.example/a': new Error('no'),
      'https://e.example/b': 'never',
    })
    const pixels = new ErrorPixels({ transport, timeoutMs: 20 })
    pixels.fire(['https://e.example/a', 'https://e.example/b', 'https://e.example/c'], 900)
    await pixels.whenIdle()
    expect([pixels.sent, pixels.failed]).toEqual([1, 2])
  })

  it('are not called when the URL is none, or leads where it must not', async () => {
    const transport = new MemoryDocuments({})
    const pixels = new ErrorPixels({ transport, guard: createDestinationGuard() })
    pixels.fire(['', 'nowhere', 'file:///x', 'http://127.0.0.1/', 'http://[::ffff:10.0.0.1]/'], 900)
    await pixels.whenIdle()
    expect([transport.requests.length, pixels.dropped]).toEqual([0, 5])
  })

  it('end with close: what waits is dropped, what is under way ends', async () => {
    const transport = new HeldTransport()
    const pixels = new ErrorPixels({ transport, maxConcurrent: 1 })
    pixels.fire(['https://e.example/a', 'https://e.example/b'], 900)
    const closed = pixels.close()
    pixels.fire(['https://e.example/c'], 900)
    transport.answer()
    await closed
    expect([transport.requests.length, pixels.sent, pixels.dropped]).toEqual([1, 1, 2])
  })
})
