import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Http1Connector } from '#src/upstream/http1/connector.js'
import type { ConnectTarget, UpstreamHandler } from '#src/upstream/http1/types.js'
import { CERTIFICATE, PRIVATE_KEY } from './support/certificate.js'
import { RawOrigin } from './support/raw-origin.js'
import { run, start } from './support/recorder.js'

const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Accept: yes\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
let connector: Http1Connector
let origin: RawOrigin

beforeEach(() => {
  connector = new Http1Connector()
})
afterEach(async () => {
  connector.close()
  expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
  await origin.close()
})

interface Upgraded {
  socket: Socket
  firstBytes: string
  head: string
}

function upgrade(target: ConnectTarget, hooks: Partial<UpstreamHandler> = {}) {
  let taken: Upgraded | null = null
  const { recorder, exchange } = start(
    connector,
    target,
    { target: '/ws', upgrade: 'echo' },
    {
      hooks: {
        onUpgrade: (head, socket, firstBytes) => {
          taken = { socket, firstBytes: Buffer.from(firstBytes).toString('latin1'), head: head.headerBlock }
        },
        ...hooks,
      },
    },
  )
  return {
    recorder,
    exchange,
    async taken(): Promise<Upgraded> {
      await recorder.until('upgrade')
      if (taken === null) throw new Error('no socket was handed over')
      return taken
    },
  }
}

describe.each([
  ['plain', undefined],
  ['TLS', { key: PRIVATE_KEY, cert: CERTIFICATE }],
])('upgrade over %s', (_, tls) => {
  it('hands over a socket that echoes, with what came along and what came while nobody listened', async () => {
    let head = ''
    origin = await RawOrigin.listen(
      async (peer) => {
        head = await peer.head()
        peer.send(`${SWITCH}first`)
        await peer.take('go')
        peer.send('second')
        await peer.take('big')
        peer.send('x'.repeat(500_000))
        await peer.take('bye')
        peer.end('last')
      },
      tls === undefined ? {} : { tls },
    )
    const target =
      tls === undefined
        ? origin.target
        : { ...origin.target, id: 'tls', tls: { servername: 'localhost', verify: true, ca: CERTIFICATE } }
    const { recorder, taken, exchange } = upgrade(target)
    const { socket, firstBytes, head: block } = await taken()
    expect(head).toBe('GET /ws HTTP/1.1\r\nHost: origin.test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n')
    expect(recorder.events).toEqual(['connected', 'sent', 'upgrade'])
    expect(recorder.head?.status).toBe(101)
    expect(block).toBe('X-Accept: yes\r\n')
    expect(firstBytes).toBe('first')
    // The connection is not ours any more: neither counted nor closed by us.
    expect(connector.stats).toMatchObject({ active: 0, idle: 0 })
    exchange.abort()
    connector.close()
    expect(socket.destroyed).toBe(false)
    expect(socket.isPaused()).toBe(true)

    socket.write('go')
    let got = ''
    const until = (text: string) =>
      new Promise<void>((resolve) => {
        const onData = (bytes: Buffer) => {
          got += bytes.toString('latin1')
          if (got.endsWith(text)) {
            socket.off('data', onData)
            resolve()
          }
        }
        socket.on('data', onData)
        socket.resume()
      })
    await until('second')
    socket.write('big')
    await until('x'.repeat(500_000))
    const ended = new Promise((resolve) => socket.on('end', resolve))
    const last = until('last')
    socket.write('bye')
    await last
    await ended
    socket.destroy()
  })
})

describe('upgrades that do not happen', () => {
  it('a 101 for another protocol: 502 http_upgrade_failed', async () => {
    origin = await RawOrigin.answering(SWITCH.replace('echo', 'h2c'))
    const { recorder } = upgrade(origin.target)
    await recorder.until('over')
    expect(recorder.failure).toMatchObject({
      code: 'HG_INVALID_RESPONSE',
      status: 502,
      reason: 'http_upgrade_failed',
    })
    await origin.peer(0).closed
  })

  it('an ordinary answer is delivered as such, and its connection serves ordinary requests', async () => {
    origin = await RawOrigin.answering(OK)
    const { recorder } = upgrade(origin.target)
    await recorder.until('over')
    expect(recorder.events).toEqual(['connected', 'sent', 'head', 'body', 'end'])
    expect((await run(connector, origin.target)).events).toEqual(['reused', 'sent', 'head', 'body', 'end'])
  })

  it('an upgrade never takes a connection from the pool', async () => {
    origin = await RawOrigin.answering(OK)
    await run(connector, origin.target)
    const { recorder } = upgrade(origin.target)
    await recorder.until('over')
    expect(recorder.events[0]).toBe('connected')
  })

  it('a handler that throws loses the socket, not the thread', async () => {
    origin = await RawOrigin.answering(SWITCH)
    const { recorder } = upgrade(origin.target, {
      onUpgrade: () => {
        throw new Error('a bug')
      },
    })
    await recorder.until('upgrade')
    await origin.peer(0).closed
  })

  it('an error on a socket that nobody listens to yet does not end the thread', async () => {
    origin = await RawOrigin.answering(SWITCH)
    const { taken } = upgrade(origin.target)
    const { socket } = await taken()
    const closed = new Promise((resolve) => socket.on('close', resolve))
    socket.resume()
    origin.peer(0).reset()
    await closed
  })

  it('an upgrade that its caller has no handler for is an error of the caller, and the connection goes', async () => {
    origin = await RawOrigin.answering(SWITCH)
    const { failure } = await start(connector, origin.target, { upgrade: 'echo' }).recorder.until('over')
    expect(failure).toMatchObject({ code: 'HG_INTERNAL', status: 500 })
    await origin.peer(0).closed
  })
})
