import { afterEach, describe, expect, it } from 'vitest'
import { InProcessGateway, type TestConfig } from '../support/gateway.js'
import {
  BINARY,
  CLOSE,
  echo,
  fieldOf,
  openWebSocket,
  PING,
  PONG,
  TEXT,
  WebSocketOrigin,
} from '../support/websocket-peer.js'

let origin: WebSocketOrigin
let gateway: InProcessGateway

afterEach(async () => {
  await gateway.close()
  await origin.close()
})

async function start(acceptor: 'node' | 'uws', config: Partial<TestConfig> = {}): Promise<number> {
  gateway = await InProcessGateway.start({
    acceptor,
    workers: 1,
    upstreams: { app: { peers: [origin.peer] } },
    ...config,
  })
  return gateway.port
}

describe.each(['node', 'uws'] as const)('a WebSocket through %s', (acceptor) => {
  it('is echoed, text, binary and fragmented, and closed with its code', async () => {
    origin = await WebSocketOrigin.start(echo)
    const port = await start(acceptor)
    const { head, peer } = await openWebSocket(port)
    expect(head).toMatch(/^HTTP\/1\.1 101 /)
    expect(fieldOf(head, 'upgrade')).toBe('websocket')
    expect(fieldOf(head, 'connection')).toBe('Upgrade')
    expect(fieldOf(head, 'sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    expect(fieldOf(head, 'via')).toBe('1.1 headgate')
    expect(fieldOf(head, 'x-request-id')).toMatch(/^req-/)
    peer.send(TEXT, 'hällo')
    expect(await peer.message()).toMatchObject({ opcode: TEXT, payload: Buffer.from('hällo') })
    const bytes = Buffer.alloc(70_000, 7)
    peer.send(BINARY, bytes)
    const back = await peer.message()
    expect(back.opcode).toBe(BINARY)
    expect(back.payload.equals(bytes)).toBe(true)
    peer.send(TEXT, 'one ', { fin: false })
    peer.send(0, 'two ', { fin: false })
    peer.send(PING, 'in between')
    peer.send(0, 'three')
    expect((await peer.message()).payload.toString()).toBe('one two three')
    expect(peer.frames.find(({ opcode }) => opcode === PONG)?.payload.toString()).toBe('in between')
    peer.close(4001, 'enough')
    expect(await peer.closing()).toEqual({ code: 4001, reason: 'enough' })
    peer.socket.end()
    await peer.closed
    const { counters } = await gateway.settle()
    expect(counters).toMatchObject({ requests: 1, answered: 1, aborted: 0, 'status:1xx': 1 })
    expect(peer.frames.filter(({ opcode }) => opcode === CLOSE)).toHaveLength(1)
  })
})
