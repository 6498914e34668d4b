import { EventEmitter, once } from 'node:events'
import { get, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { fetchAnswer, pooled } from '../support/http-client.js'
import { HttpOrigin, type OriginHandler } from '../support/http-origin.js'
import { RawClient } from '../support/raw-client.js'

conserved()

interface Setting {
  readonly gateway: InProcessGateway
  readonly origin: HttpOrigin
}

async function withGateway(
  acceptor: 'node' | 'uws',
  handler: OriginHandler,
  run: (setting: Setting) => Promise<void>,
): Promise<void> {
  const origin = await HttpOrigin.start(handler)
  const gateway = await InProcessGateway.start({ acceptor, upstreams: { app: { peers: [origin.address] } } })
  try {
    await run({ gateway, origin })
    expect(origin.failures).toEqual([])
    await gateway.settle()
  } finally {
    await gateway.close()
    await origin.close()
  }
}

const CHUNK = Buffer.alloc(16 * 1024, 'x')

/** Sends until the other side has gone. */
function endless(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(CHUNK));
  }
  response.on('drain', more)
  more()
}

describe.each(ACCEPTOR_KINDS)('streams over %s', (acceptor) => {
  it('an event stream arrives event by event: the next is sent only when the one before has been seen', async () => {
    const confirmed = new EventEmitter()
    const events = 50
    const handler: OriginHandler = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (let number = 1; number <= events; number += 1) {
        const seen = once(confirmed, 'seen')
        response.write(`id: ${number}\ndata: event ${number}\n\n`)
        await seen
      }
      response.end()
    }
    await withGateway(acceptor, handler, async ({ gateway }) => {
      const [response] = (await once(
        get({ port: gateway.port, path: '/events', agent: false }),
        'response',
      )) as [IncomingMessage]
      let text = ''
      let number = 0
      for await (const chunk of response as AsyncIterable<Buffer>) {
        text += chunk.toString('latin1')
        // One event at a time: nothing may be held back, and there can be nothing more than this one.
        if (!text.endsWith('\n\n')) continue
        number += 1
        expect(text).toBe(`id: ${number}\ndata: event ${number}\n\n`)
        text = ''
        confirmed.emit('seen')
      }
      expect(number).toBe(events)
    })
  })

  it('a final answer in the middle of an upload reaches the client, and the rest of the upload goes nowhere', async () => {
    const handler: OriginHandler = (request, response) => {
      const early = request.url === '/refuses' ? 413 : 200
      request.once('data', () => response.writeHead(early, { 'content-length': 5 }).end('early'))
    }
    await withGateway(acceptor, handler, async ({ gateway, origin }) => {
      for (const [path, status] of [
        ['/refuses', 413],
        ['/satisfied', 200],
      ] as const) {
        const client = await RawClient.connect(gateway.port)
        await client.send(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${1 << 30}\r\n\r\n`)
        // The client goes on sending until it has the answer.
        while (client.receivedBytes === 0 && !client.closed) await client.send(Buffer.alloc(256 * 1024))
        await client.until(() => client.text.endsWith('early') || client.closed, 20_000)
        const { responses, problem } = client.responses()
        expect(problem).toBeNull()
        expect(responses.map((response) => response.status)).toEqual([status])
        expect(responses[0]?.body.toString()).toBe('early')
        expect(responses[0]?.header('connection')).toBe('close')
        await client.untilClosed(20_000)
        expect(client.closed).toBe(true)
        await client.destroy()
      }
      await eventually(
        'the upstream connections of half sent requests are closed',
        () => origin.connections === 0,
      )
    })
  })

  it('B8 200 clients that leave in the middle of a download leave nothing behind', {
    timeout: 60_000,
  }, async () => {
    const clients = 200
    await withGateway(
      acceptor,
      (_, response) => endless(response.writeHead(200)),
      async ({ gateway, origin }) => {
        await pooled(clients, 20, async (index) => {
          const client = await RawClient.connect(gateway.port)
          await client.send(`GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`)
          await client.until(() => client.receivedBytes > CHUNK.length, 20_000)
          expect(client.receivedBytes).toBeGreaterThan(CHUNK.length)
          await client.destroy(index % 2 === 0)
        })
        await eventually(
          'the origin is rid of all of them',
          () => origin.open === 0 && origin.connections === 0,
        )
        const { counters } = await gateway.settle()
        expect(counters).toMatchObject({ requests: clients, aborted: clients, answered: 0 })
        expect(origin.requests).toBe(clients)
      },
    )
  })

  it('B8 200 clients that leave in the middle of an upload leave nothing behind', {
    timeout: 60_000,
  }, async () => {
    const clients = 200
    const arrived = new EventEmitter().setMaxListeners(0)
    let brokenOff = 0
    const handler: OriginHandler = (request) => {
      request.once('data', () => arrived.emit(request.url ?? ''))
      request.once('error', () => {
        brokenOff += 1
      })
    }
    await withGateway(acceptor, handler, async ({ gateway, origin }) => {
      await pooled(clients, 20, async (index) => {
        const reached = once(arrived, `/${index}`)
        const client = await RawClient.connect(gateway.port)
        const framing = index % 3 === 0 ? 'Transfer-Encoding: chunked' : 'Content-Length: 4000000'
        const start = index % 3 === 0 ? '10000\r\n' : ''
        await client.send(`POST /${index} HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${start}`)
        await client.send(Buffer.alloc(40_000))
        await reached
        await client.destroy(index % 2 === 0)
      })
      await eventually(
        'the origin is rid of all of them',
        () => origin.open === 0 && origin.connections === 0,
      )
      const { counters } = await gateway.settle()
      expect(counters).toMatchObject({ requests: clients, aborted: clients, answered: 0 })
      expect(origin.requests).toBe(clients)
      expect(brokenOff).toBe(clients)
    })
  })

  it('a client that leaves while its request waits at the origin cancels it there', async () => {
    const asked = new EventEmitter()
    const handler: OriginHandler = (request, response) => {
      if (request.url === '/after') response.end('fine')
      else asked.emit('asked')
    }
    await withGateway(acceptor, handler, async ({ gateway, origin }) => {
      const reached = once(asked, 'asked')
      const client = await RawClient.connect(gateway.port)
      await client.send('GET /waits HTTP/1.1\r\nHost: a\r\n\r\n')
      await reached
      await client.destroy()
      await eventually('the origin sees it go', () => origin.open === 0 && origin.connections === 0)
      expect((await fetchAnswer(gateway.port, '/after')).body.toString()).toBe('fine')
      const { counters } = await gateway.settle()
      expect(counters).toMatchObject({ requests: 2, aborted: 1, answered: 1 })
    })
  })
})
