import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { REFUSALS } from '#src/acceptor/guard/index.js'
import { createAcceptor } from '#src/acceptor/index.js'
import { listenError } from '#src/acceptor/uws/listen-on.js'
import {
  ACCEPTOR_KINDS,
  AcceptorUnderTest,
  DEFAULT_LIMITS,
  DEFAULT_TIMEOUTS,
} from '../support/acceptor-under-test.js'
import { RawClient } from '../support/raw-client.js'
import { RecordingHandler } from '../support/recording-handler.js'

const OPTIONS = {
  host: '127.0.0.1',
  port: 0,
  limits: DEFAULT_LIMITS,
  timeouts: DEFAULT_TIMEOUTS,
  chunked: 'close',
} as const
const GET = 'GET /a HTTP/1.1\r\nHost: a\r\n\r\n'

describe('createAcceptor', () => {
  it('auto is uws where it loads, and says nothing about a fallback', async () => {
    const acceptor = await createAcceptor('auto', OPTIONS, new RecordingHandler())
    try {
      expect([acceptor.kind, acceptor.fallbackReason]).toEqual(['uws', null])
    } finally {
      await acceptor.close()
    }
  })

  it('auto falls back to node where uws cannot be loaded, and says why; uws alone fails', async () => {
    const code = `
      import { parentPort } from 'node:worker_threads'
      import { createAcceptor } from ${JSON.stringify(new URL('../../dist/acceptor/index.js', import.meta.url).href)}
      const nothing = () => {}
      const handler = {
        onRequest: nothing, onBody: nothing, onAbort: nothing, onDrain: nothing, onFinish: nothing, onRefused: nothing,
      }
      const options = ${JSON.stringify(OPTIONS)}
      const acceptor = await createAcceptor('auto', options, handler)
      const { kind, fallbackReason } = acceptor
      await acceptor.close()
      const error = await createAcceptor('uws', options, handler).catch((error) => error)
      parentPort.postMessage({ kind, fallbackReason, error: error.name + ': ' + error.message })
    `
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`))
    const message = await new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    await worker.terminate()
    expect(message).toEqual({
      kind: 'node',
      fallbackReason: 'it runs in the main thread only',
      error:
        'NativeUnavailable: no uWebSockets.js binary fits: it runs in the main thread only; use --acceptor node',
    })
  })

  it.each(['auto', ...ACCEPTOR_KINDS] as const)(
    'U20 %s: a port that is taken is said to be',
    async (kind) => {
      const other = createServer()
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      const { port } = other.address() as AddressInfo
      const failure = createAcceptor(kind, { ...OPTIONS, port }, new RecordingHandler())
      await expect(failure).rejects.toMatchObject({ code: 'EADDRINUSE' })
      await new Promise((resolve) => other.close(resolve))
    },
  )

  it.each(ACCEPTOR_KINDS)('%s: an address that is not of this machine is said not to be', async (kind) => {
    const failure = createAcceptor(kind, { ...OPTIONS, host: '192.0.2.1' }, new RecordingHandler())
    await expect(failure).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' })
  })

  it.each(ACCEPTOR_KINDS)('%s: an answer does not name the software behind the gateway', async (kind) => {
    const subject = await AcceptorUnderTest.start(kind)
    const client = await RawClient.connect(subject.port)
    try {
      await client.send(GET)
      await client.readResponses()
      expect(client.text.split('\r\n\r\n', 1)[0]?.toLowerCase()).not.toMatch(/uwebsockets|node|^server:/m)
      expect(client.text).toContain('via: 1.1 headgate')
    } finally {
      await client.destroy()
      await subject.close()
    }
  })

  it.each(ACCEPTOR_KINDS)('%s: over IPv6 the address of the client has no brackets', async (kind) => {
    const handler = new RecordingHandler()
    const acceptor = await createAcceptor(kind, { ...OPTIONS, host: '::1' }, handler)
    const addresses: string[] = []
    const onRequest = handler.onRequest.bind(handler)
    handler.onRequest = (exchange) => {
      addresses.push(exchange.head.remoteAddress)
      onRequest(exchange)
    }
    const client = await RawClient.connect(acceptor.port, '::1')
    try {
      await client.send(GET)
      const { responses } = await client.readResponses()
      expect([responses[0]?.status, addresses.map(expandedIpv6)]).toEqual([200, ['0:0:0:0:0:0:0:1']])
    } finally {
      await client.destroy()
      await acceptor.close()
    }
  })

  it.each(ACCEPTOR_KINDS)(
    '%s: a request has the address of its own connection, whoever else is or was connected',
    async (kind) => {
      const subject = await AcceptorUnderTest.start(kind)
      const addresses: string[] = []
      const onRequest = subject.handler.onRequest.bind(subject.handler)
      subject.handler.onRequest = (exchange) => {
        addresses.push(exchange.head.remoteAddress)
        onRequest(exchange)
      }
      const from = (address: string) => RawClient.connect(subject.port, '127.0.0.1', address)
      const ask = async (client: RawClient) => {
        await client.send(GET)
        await client.readResponses()
      }
      try {
        const first = await from('127.0.0.1')
        await ask(first)
        await ask(first)
        const second = await from('127.0.0.2')
        for (const client of [first, second, first]) await ask(client)
        await first.destroy()
        await ask(second)
        await second.destroy()
        await subject.settle()
        const third = await from('127.0.0.3')
        await ask(third)
        await third.destroy()
        expect(addresses.map((address) => address.slice(-1)).join('')).toBe('1112123')
      } finally {
        await subject.close()
      }
    },
  )

  it.each(ACCEPTOR_KINDS)('%s: connections that come and go are counted', async (kind) => {
    const subject = await AcceptorUnderTest.start(kind)
    try {
      const clients = await Promise.all([1, 2, 3].map(() => RawClient.connect(subject.port)))
      for (const client of clients) {
        await client.send(GET)
        await client.readResponses()
      }
      expect(subject.acceptor.connections).toBe(3)
      for (const client of clients) await client.destroy()
      await subject.settle()
      expect(subject.acceptor.connections).toBe(0)
    } finally {
      await subject.close()
    }
  })

  it.each(ACCEPTOR_KINDS)('%s: certificates cannot be replaced where there is no TLS', async (kind) => {
    const acceptor = await createAcceptor(kind, OPTIONS, new RecordingHandler())
    const tls = { certificates: [], minVersion: 'TLSv1.2', ciphers: null, clientAuth: null } as const
    await expect(acceptor.useTls(tls)).rejects.toThrow('certificates cannot be replaced here')
    await acceptor.close()
  })

  it('B13 node: CONNECT is refused and counted, also where no protocol may be switched to', async () => {
    const handler = new RecordingHandler()
    const acceptor = await createAcceptor('node', OPTIONS, handler)
    const client = await RawClient.connect(acceptor.port)
    await client.send('CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n')
    const { responses } = await client.readResponses()
    expect(responses.map(({ status }) => status)).toEqual([405])
    expect(await client.untilClosed()).toBe(true)
    expect(handler.refusals).toEqual([REFUSALS.methodForbidden])
    await client.destroy()
    await acceptor.close()
  })

  it('U20 uws: what is free again by the time the reason is asked for was taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    await new Promise((resolve) => other.close(resolve))
    expect(await listenError('127.0.0.1', port)).toMatchObject({
      code: 'EADDRINUSE',
      message: `listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    })
  })
})

/** Without the short form, in which Node and uWS differ. */
function expandedIpv6(address: string): string {
  const [before = '', after] = address.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? [] : new Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}
