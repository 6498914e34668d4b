import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import { readHead } from '../support/websocket-peer.js'

const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: Echo/1\r\n\r\n'
let server: Server
let gateway: InProcessGateway

afterEach(async () => {
  await gateway.close()
  server.close()
})

/** An origin over bare sockets, half open where the other end closes. */
async function start(
  acceptor: 'node' | 'uws',
  serve: (socket: Socket, head: string, rest: Buffer) => void,
): Promise<number> {
  server = createServer({ allowHalfOpen: true }, async (socket) => {
    socket.on('error', () => undefined)
    const { head, rest } = await readHead(socket)
    if (head !== '') serve(socket, head, rest)
    else socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  gateway = await InProcessGateway.start({
    acceptor,
    workers: 1,
    upstreams: { app: { peers: [`127.0.0.1:${(server.address() as AddressInfo).port}`] } },
    routes: [{ upstream: 'app', upgrades: ['echo/1'] }],
  })
  return gateway.port
}

function dial(port: number, bytes: string): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => undefined)
  socket.write(bytes, 'latin1')
  return socket
}

async function textOf(socket: Socket, rest: Buffer): Promise<string> {
  let text = rest.toString('latin1')
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1')
  })
  socket.resume()
  await once(socket, 'end')
  return text
}

const REQUEST = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, Echo/1\r\n\r\n'

describe('another protocol through node', () => {
  it('passes as it is, with what was sent early, and each direction ends for itself', async () => {
    let offered = ''
    const port = await start('node', async (socket, head, rest) => {
      offered = /^upgrade: (.*)\r$/im.exec(head)?.[1] ?? ''
      socket.write(`${SWITCH}first`)
      const got = await textOf(socket, rest)
      // The client has ended its direction; ours is still open.
      socket.end(`you said ${got.length}`)
    })
    const client = dial(port, `${REQUEST}early`)
    const { head, rest } = await readHead(client)
    expect(head).toContain('upgrade: Echo/1\r\n')
    const answer = textOf(client, rest)
    client.end('x'.repeat(3_000_000))
    expect(await answer).toBe(`firstyou said ${3_000_000 + 'early'.length}`)
    expect(offered).toBe('Echo/1')
    const { counters } = await gateway.settle()
    expect(counters).toMatchObject({ requests: 1, answered: 1, aborted: 0, bytes_in: 3_000_005 })
  })

  it('passes what comes in the same packet as the 101, and its end', async () => {
    const port = await start('node', (socket) => socket.end(`${SWITCH}all of it`))
    const client = dial(port, REQUEST)
    const { rest } = await readHead(client)
    expect(await textOf(client, rest)).toBe('all of it')
    client.end()
    const { counters } = await gateway.settle()
    expect(counters).toMatchObject({ requests: 1, answered: 1 })
  })
})

describe.each(ACCEPTOR_KINDS)('a request that names a protocol through %s', (acceptor) => {
  it('but has a body is an ordinary one; behind it uws goes on, and node closes (B3)', async () => {
    const heads: string[] = []
    const port = await start(acceptor, (socket, head) => {
      heads.push(head)
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
    })
    const post =
      'POST /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: Echo/1\r\nContent-Length: 3\r\n\r\nabc'
    const client = dial(port, post)
    const first = await readHead(client)
    expect(first.head).toMatch(/^HTTP\/1\.1 200 /)
    client.write('GET /next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await textOf(client, first.rest)
    client.end()
    const lines = heads.map((head) => head.split('\r\n', 1)[0])
    expect(lines).toEqual(['POST /x HTTP/1.1', 'GET /next HTTP/1.1'].slice(0, acceptor === 'node' ? 1 : 2))
    expect(/^connection: close\r?$/im.test(first.head)).toBe(acceptor === 'node')
    expect(heads.join('')).not.toMatch(/^upgrade:/im)
    await gateway.settle()
  })

  it('is aborted when the client leaves before there is an answer', async () => {
    let reached = false
    let left = false
    const port = await start(acceptor, (socket) => {
      reached = true
      socket.on('close', () => {
        left = true
      })
      socket.resume()
      socket.on('end', () => socket.end())
    })
    const client = dial(port, REQUEST)
    await eventually('the request is at the origin', () => reached)
    client.resetAndDestroy()
    await eventually('the origin is left too', () => left)
    const { counters } = await gateway.settle()
    expect(counters).toMatchObject({ requests: 1, aborted: 1 })
  })
})
