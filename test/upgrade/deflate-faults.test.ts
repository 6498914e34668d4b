import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFLATE_OFFER } from '#src/websocket/index.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { InProcessGateway } from '../support/gateway.js'
import {
  accepting,
  BINARY,
  deflateMessage,
  encodeFrame,
  fieldOf,
  inflateMessage,
  openWebSocket,
  PING,
  TEXT,
  WebSocketOrigin,
} from '../support/websocket-peer.js'

conserved()

const KIB = 1024
const MIB = 1024 * KIB
const ANSWER = `Sec-WebSocket-Extensions: ${DEFLATE_OFFER}\r\n`
const OFFER = `Sec-WebSocket-Extensions: ${DEFLATE_OFFER}; client_max_window_bits\r\n`
const TEXTS = 'All that is gold does not glitter. '
let origin: WebSocketOrigin

beforeAll(async () => {
  origin = await WebSocketOrigin.start()
})
afterAll(() => origin.close())

describe('permessage-deflate that uws agrees on with an upstream', () => {
  let gateway: InProcessGateway
  beforeAll(async () => {
    gateway = await InProcessGateway.start({
      acceptor: 'uws',
      workers: 1,
      limits: { webSocketMessage: '256KiB', webSocketCompressed: '64KiB' },
      upstreams: { app: { peers: [origin.peer] } },
      routes: [{ upstream: 'app' }],
    })
  })
  afterAll(() => gateway.close())

  it.each([
    ['another extension', 'x-webkit-deflate-frame'],
    ['a parameter that there is not', `${DEFLATE_OFFER}; x=1`],
    ['a window for us that was not offered', `${DEFLATE_OFFER}; client_max_window_bits=10`],
    ['a context that it keeps', 'permessage-deflate; client_no_context_takeover'],
    ['it twice', `${DEFLATE_OFFER}, ${DEFLATE_OFFER}`],
  ])('an answer with %s is 502 http_upgrade_failed', async (_, extensions) => {
    const failed = gateway.stats.counters['error:http_upgrade_failed'] ?? 0
    origin.use(() => undefined, accepting(`Sec-WebSocket-Extensions: ${extensions}\r\n`))
    const { head, socket } = await openWebSocket(gateway.port, { fields: OFFER })
    socket.destroy()
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    expect(fieldOf(head, 'proxy-status')).toContain('error=http_upgrade_failed')
    await gateway.settle()
    await eventually(
      'it is counted',
      () => gateway.stats.counters['error:http_upgrade_failed'] === failed + 1,
    )
  })

  it('an answer with the extension that was not offered is 502', async () => {
    origin.use(() => undefined, accepting(ANSWER))
    const { head, socket } = await openWebSocket(gateway.port)
    socket.destroy()
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    await gateway.settle()
  })

  it.each([
    [
      'a bomb',
      1009,
      'http_response_body_size',
      encodeFrame(BINARY, deflateMessage(Buffer.alloc(64 * MIB)), { rsv1: true }),
    ],
    [
      'a small bomb',
      1009,
      'http_response_body_size',
      encodeFrame(BINARY, deflateMessage(Buffer.alloc(300 * KIB)), { rsv1: true }),
    ],
    [
      'no deflate stream',
      1007,
      'http_protocol_error',
      encodeFrame(TEXT, Buffer.from('no deflate stream'), { rsv1: true }),
    ],
    [
      'a message that is cut off',
      1007,
      'http_protocol_error',
      encodeFrame(TEXT, deflateMessage(randomBytes(30_000)).subarray(0, 20_000), { rsv1: true }),
    ],
    ['a compressed ping', 1002, 'http_protocol_error', encodeFrame(PING, Buffer.from('x'), { rsv1: true })],
    [
      'a compressed continuation',
      1002,
      'http_protocol_error',
      Buffer.concat([
        encodeFrame(TEXT, Buffer.from('x'), { fin: false }),
        encodeFrame(0, Buffer.from('x'), { rsv1: true }),
      ]),
    ],
  ] as const)(
    '%s of the upstream closes both ends with %d, and is counted as %s',
    async (_, code, reason, wire) => {
      const counter = gateway.stats.counters[`error:${reason}`] ?? 0
      let upstreamCode = 0
      origin.use(async (peer) => {
        peer.send(TEXT, deflateMessage(Buffer.from('before')), { rsv1: true })
        peer.socket.write(wire)
        peer.send(TEXT, 'never')
        upstreamCode = (await peer.closing()).code
        peer.socket.end()
      }, accepting(ANSWER))
      const { peer } = await openWebSocket(gateway.port, { fields: OFFER })
      expect(await peer.next()).toMatchObject({ opcode: TEXT, payload: Buffer.from('before') })
      expect((await peer.closing()).code).toBe(code)
      peer.socket.end()
      await peer.closed
      await gateway.settle()
      expect(peer.frames.some(({ payload }) => payload.includes('never'))).toBe(false)
      await eventually('the upstream was told', () => upstreamCode === code)
      await eventually('it is counted', () => gateway.stats.counters[`error:${reason}`] === counter + 1)
      await eventually('the origin has no connection left', () => origin.open === 0)
    },
  )

  it('a compressed message without the extension is off the protocol: 1002', async () => {
    origin.use((peer) => {
      peer.send(TEXT, deflateMessage(Buffer.from('x')), { rsv1: true })
    })
    const { peer } = await openWebSocket(gateway.port, { fields: OFFER })
    expect((await peer.closing()).code).toBe(1002)
    peer.socket.end()
    await peer.closed
    await gateway.settle()
  })

  it('a client that does not read holds back an upstream whose messages grow a thousandfold', async () => {
    const sizeBytes = 256 * KIB
    const count = 512
    const frame = encodeFrame(BINARY, deflateMessage(Buffer.alloc(sizeBytes, 'x')), { rsv1: true })
    const wire = Buffer.concat(Array.from({ length: count }, () => frame))
    expect(wire.length).toBeLessThan(MIB)
    const rssBytes = process.memoryUsage.rss()
    origin.use((peer) => void peer.socket.write(wire), accepting(ANSWER))
    const { peer } = await openWebSocket(gateway.port, { fields: OFFER })
    peer.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 700))
    // What is under way, not the 128 MiB that these few bytes stand for.
    expect(process.memoryUsage.rss() - rssBytes).toBeLessThan(64 * MIB)
    peer.socket.resume()
    for (let i = 0; i < 32; i += 1) expect((await peer.message()).payload.length).toBe(sizeBytes)
    peer.socket.resetAndDestroy()
    await gateway.settle()
  })

  it('what the client has sent before it closes still reaches the upstream compressed, behind a long message', async () => {
    const got: string[] = []
    origin.use(async (peer) => {
      got.push(inflateMessage((await peer.next()).payload).toString())
      got.push((await peer.next()).payload.toString())
      got.push(`close ${(await peer.closing()).code}`)
      peer.socket.end()
    }, accepting(ANSWER))
    const { peer } = await openWebSocket(gateway.port, { fields: OFFER })
    const long = TEXTS.repeat(1800)
    peer.send(TEXT, long)
    peer.send(TEXT, 'last words')
    peer.close(4009)
    await peer.closing()
    peer.socket.end()
    await eventually('all has come', () => got.length === 3)
    expect(got).toEqual([long, 'last words', 'close 4009'])
    await gateway.settle()
  })
})
