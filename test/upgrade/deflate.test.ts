import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayCounter } from '#src/session/counters.js'
import { DEFLATE_OFFER } from '#src/websocket/index.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import {
  accepting,
  BINARY,
  CLOSE,
  deflateMessage,
  fieldOf,
  inflateMessage,
  openWebSocket,
  PING,
  PONG,
  TEXT,
  WebSocketOrigin,
  type WebSocketPeer,
} from '../support/websocket-peer.js'

conserved()

const KIB = 1024
const ANSWER = `Sec-WebSocket-Extensions: ${DEFLATE_OFFER}\r\n`
const OFFER = `Sec-WebSocket-Extensions: ${DEFLATE_OFFER}; client_max_window_bits\r\n`
const TEXTS = 'All that is gold does not glitter. '
let origin: WebSocketOrigin

beforeAll(async () => {
  origin = await WebSocketOrigin.start()
})
afterAll(() => origin.close())

describe.each(ACCEPTOR_KINDS)('permessage-deflate through %s', (acceptor) => {
  let gateway: InProcessGateway
  let before: Readonly<Record<GatewayCounter, number>>

  beforeAll(async () => {
    gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      limits: { webSocketMessage: '1MiB', webSocketCompressed: '64KiB' },
      upstreams: { app: { peers: [origin.peer] } },
      routes: [{ upstream: 'app' }],
    })
  })
  afterEach(async () => {
    for (const peer of opened.splice(0)) peer.socket.destroy()
    await gateway.settle()
    await eventually('the origin has no connection left', () => origin.open === 0)
  })
  afterAll(() => gateway.close())

  const opened: WebSocketPeer[] = []
  const counted = (name: GatewayCounter): number => (gateway.stats.counters[name] ?? 0) - (before[name] ?? 0)

  /** A client that offers the extension, and the upstream that takes it. */
  async function open(
    answer = ANSWER,
  ): Promise<{ client: WebSocketPeer; upstream: WebSocketPeer; head: string }> {
    const peers: WebSocketPeer[] = []
    before = { ...gateway.stats.counters }
    origin.use((peer) => void peers.push(peer), accepting(answer))
    const { head, peer: client } = await openWebSocket(gateway.port, { fields: OFFER })
    await eventually('a WebSocket at the origin', () => peers.length > 0)
    const [upstream] = peers
    if (upstream === undefined) throw new Error('there is none')
    opened.push(client, upstream)
    return { client, upstream, head }
  }

  /** A message that the client sends compressed, as the upstream gets it. */
  async function received(
    peer: WebSocketPeer,
  ): Promise<{ isCompressed: boolean; message: Buffer; wireBytes: number }> {
    const parts: Buffer[] = []
    let isCompressed = false
    for (;;) {
      const { fin, rsv1, payload, opcode } = await peer.next()
      expect(opcode).toBeLessThan(CLOSE)
      if (parts.length === 0) isCompressed = rsv1
      parts.push(payload)
      if (!fin) continue
      const whole = Buffer.concat(parts)
      return { isCompressed, message: isCompressed ? inflateMessage(whole) : whole, wireBytes: whole.length }
    }
  }

  it('is agreed on with both ends, without a context that is kept', async () => {
    const { head } = await open()
    expect(fieldOf(head, 'sec-websocket-extensions')).toMatch(
      /^permessage-deflate;.*server_no_context_takeover/,
    )
    const offered = fieldOf(origin.heads[0] ?? '', 'sec-websocket-extensions')
    expect(offered).toBe(acceptor === 'uws' ? DEFLATE_OFFER : `${DEFLATE_OFFER}; client_max_window_bits`)
  })

  it.each([64, 1000, 20_000, 60_000])(
    'brings %d bytes compressed from the client to the upstream and back',
    async (size) => {
      const { client, upstream } = await open()
      const text = Buffer.alloc(size, TEXTS)
      const noise = randomBytes(size)
      client.send(TEXT, deflateMessage(text), { rsv1: true })
      client.send(BINARY, noise)
      const there = await received(upstream)
      expect(there.isCompressed).toBe(true)
      expect(there.wireBytes).toBeLessThan(size)
      expect(there.message.equals(text)).toBe(true)
      expect((await received(upstream)).message.equals(noise)).toBe(true)
      upstream.send(TEXT, deflateMessage(text), { rsv1: true })
      upstream.send(BINARY, noise)
      const back = await received(client)
      expect(back.isCompressed).toBe(true)
      expect(back.message.equals(text)).toBe(true)
      expect((await received(client)).message.equals(noise)).toBe(true)
    },
  )

  it('keeps messages in fragments, pings, and the close in their order', async () => {
    const { client, upstream } = await open()
    const text = Buffer.alloc(300 * KIB, TEXTS)
    const bytes = deflateMessage(text)
    const cut = bytes.length >> 1
    upstream.send(TEXT, bytes.subarray(0, cut), { rsv1: true, fin: false })
    upstream.send(PING, 'in between')
    upstream.send(0, bytes.subarray(cut))
    upstream.send(TEXT, 'plain')
    upstream.close(4007, 'done')
    expect((await client.message()).fragments).toBeGreaterThan(0)
    const ping = client.frames.findIndex(({ opcode }) => opcode === PING)
    expect(client.frames[ping]?.payload.toString()).toBe('in between')
    expect((await client.message()).payload.toString()).toBe('plain')
    expect(await client.closing()).toEqual({ code: 4007, reason: 'done' })
    const parts = client.frames.filter(({ opcode }) => opcode < CLOSE).slice(0, -1)
    const whole = Buffer.concat(parts.map(({ payload }) => payload))
    expect((parts[0]?.rsv1 === true ? inflateMessage(whole) : whole).equals(text)).toBe(true)
    client.close(4007)
    expect(await upstream.closing()).toMatchObject({ code: 4007 })
    upstream.socket.end()
    await client.closed
    await gateway.settle()
    expect(counted('answered')).toBe(1)
  })

  it('brings pings and pongs of both ends to the other', async () => {
    const { client, upstream } = await open()
    upstream.send(PING, 'up')
    expect(await client.next()).toMatchObject({ opcode: PING, payload: Buffer.from('up') })
    client.send(PONG, 'up')
    expect(await upstream.next()).toMatchObject({ opcode: PONG, payload: Buffer.from('up') })
    client.send(PING, 'down')
    expect(await upstream.next()).toMatchObject({ opcode: PING, payload: Buffer.from('down') })
    upstream.send(PONG, 'down')
    expect(await client.next()).toMatchObject({ opcode: PONG, payload: Buffer.from('down') })
  })

  it('an upstream that does not take it gets nothing compressed, though the client may', async () => {
    const { client, upstream, head } = await open('')
    const isEnded = acceptor === 'uws'
    expect(fieldOf(head, 'sec-websocket-extensions') !== '').toBe(isEnded)
    const text = Buffer.alloc(1000, TEXTS)
    client.send(TEXT, isEnded ? deflateMessage(text) : text, { rsv1: isEnded })
    expect(await received(upstream)).toMatchObject({ isCompressed: false, message: text })
    upstream.send(TEXT, text)
    expect(await received(client)).toMatchObject({ isCompressed: isEnded, message: text })
  })
})
