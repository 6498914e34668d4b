import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { HttpOrigin } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'
import { SteadyLoad } from '../support/steady-load.js'

conserved()

const CLIENTS = 40
const CHUNK = Buffer.alloc(64 * 1024, 'x')

function endless(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(CHUNK));
  }
  response.on('drain', more)
  more()
}

describe.each(ACCEPTOR_KINDS)('slow clients over %s', (acceptor) => {
  it(`B6 ${CLIENTS} readers and ${CLIENTS} writers that stall are cut, while others are served`, {
    timeout: 60_000,
  }, async () => {
    let begun = 0
    let gone = 0
    const origin = await HttpOrigin.start((request, response) => {
      if (request.url === '/fast') {
        response.end('fast')
        return
      }
      begun += 1
      response.once('close', () => {
        gone += 1
      })
      if (request.url === '/endless') endless(response)
    })
    const gateway = await InProcessGateway.start({
      acceptor,
      client: { write: '1s', body: '1s' },
      upstreams: { app: { peers: [origin.address] } },
    })
    const load = new SteadyLoad(gateway.port, '/fast', 4)
    const clients: RawClient[] = []
    try {
      for (let index = 0; index < CLIENTS; index += 1) {
        const reader = await RawClient.connect(gateway.port)
        await reader.send('GET /endless HTTP/1.1\r\nHost: a\r\n\r\n')
        await reader.until(() => reader.receivedBytes > 0, 20_000)
        reader.pauseReading()
        const writer = await RawClient.connect(gateway.port)
        await writer.send('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nonly this')
        clients.push(reader, writer)
      }
      const before = load.answered
      await eventually('the origin is rid of all stalled ones', () => begun === 2 * CLIENTS && gone === begun)
      await eventually('others are served meanwhile and behind it', () => load.answered > before + 20)
      for (const client of clients) client.resumeReading()
      for (const [index, client] of clients.entries()) {
        const closed = await client.untilClosed(20_000)
        expect(
          closed,
          `${index % 2 === 0 ? 'reader' : 'writer'} ${index} after ${client.receivedBytes} bytes`,
        ).toBe(true)
      }
      for (const [index, client] of clients.entries()) {
        const { responses } = client.responses()
        // A writer is told why; a reader has to see that its answer is not complete.
        if (index % 2 === 1) expect(responses.map((response) => response.status)).toEqual([408])
        else expect(responses[0]?.complete ?? false).toBe(false)
      }
    } finally {
      await load.stop()
      for (const client of clients) await client.destroy()
    }
    expect(load.unusual()).toEqual([])
    const { counters } = await gateway.settle()
    // The readers, of whose answer a part was missing; the writers were answered with 408.
    expect(counters.aborted).toBe(CLIENTS)
    expect(counters['status:4xx']).toBe(CLIENTS)
    await gateway.close()
    await origin.close()
  })
})
