import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayCounter } from '#src/session/counters.js'
import { ACCEPTOR_KINDS } from '../support/acceptor-under-test.js'
import { compileFilters } from '../support/compile-filter.js'
import { conserved } from '../support/conservation.js'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, InProcessGateway, type TestConfig } from '../support/gateway.js'
import {
  accepting,
  BINARY,
  CLOSE,
  deflateMessage as deflate,
  echo,
  fieldOf,
  inflateMessage as inflate,
  openWebSocket,
  PING,
  PONG,
  TEXT,
  WebSocketOrigin,
  type WebSocketPeer,
} from '../support/websocket-peer.js'

conserved()

const MIB = 1024 * 1024
const filters = compileFilters(new URL('./filters/gatekeeper.ts', import.meta.url))
let origin: WebSocketOrigin
/** Of the test that runs. */
let gateway: InProcessGateway
/** What its counters were when the test began. */
let before: Readonly<Record<GatewayCounter, number>>

beforeAll(async () => {
  origin = await WebSocketOrigin.start()
})
afterAll(async () => {
  filters.remove()
  await origin.close()
})

/** An origin whose next WebSocket the test takes into its own hands. */
function heldOrigin(answer = accepting()): () => Promise<WebSocketPeer> {
  const peers: WebSocketPeer[] = []
  origin.use((peer) => void peers.push(peer), answer)
  return async () => {
    await eventually('a WebSocket at the origin', () => peers.length > 0)
    const peer = peers.shift()
    if (peer === undefined) throw new Error('there was none')
    return peer
  }
}

describe.each(ACCEPTOR_KINDS)('a WebSocket through %s', (acceptor) => {
  let shared: InProcessGateway

  beforeAll(async () => {
    const timeouts = { tunnel: '700ms', total: '200ms', idle: '200ms' } as const
    shared = await InProcessGateway.start({
      acceptor,
      workers: 1,
      upstreams: { app: { peers: [origin.peer] }, impatient: { peers: [origin.peer], timeouts } },
      routes: [
        { match: { path: '/plain' }, upstream: 'app', upgrades: [] },
        { match: { path: '/impatient' }, upstream: 'impatient' },
        { match: { path: '/ws/*' }, upstream: 'app', filters: [filters.path('gatekeeper')] },
        { upstream: 'app' },
      ],
    })
  })
  afterEach(async () => {
    if (gateway !== shared) await gateway.close()
  })
  afterAll(() => shared.close())

  /** The gateway of all tests. @returns its port */
  function start(): number {
    gateway = shared
    before = { ...shared.stats.counters }
    return shared.port
  }

  /** One of its own. */
  async function startWith(config: Partial<TestConfig>): Promise<number> {
    gateway = await InProcessGateway.start({
      acceptor,
      workers: 1,
      upstreams: { app: { peers: [origin.peer] } },
      ...config,
    })
    before = { ...gateway.stats.counters }
    return gateway.port
  }

  /** How far a counter has come in this test. */
  const counted = (name: GatewayCounter): number => (gateway.stats.counters[name] ?? 0) - (before[name] ?? 0)

  /** Conservation (C16), and nothing is left open at the origin. */
  async function settled(expected: Partial<Record<GatewayCounter, number>>): Promise<void> {
    await gateway.settle()
    for (const name in expected)
      expect([name, counted(name as GatewayCounter)]).toEqual([name, expected[name as GatewayCounter]])
    await eventually('the origin has no connection left', () => origin.open === 0)
  }

  it('is echoed, text, binary and fragmented, and closed with its code', async () => {
    origin.use(echo)
    const { head, peer } = await openWebSocket(start())
    expect(head).toMatch(/^HTTP\/1\.1 101 /)
    expect(fieldOf(head, 'upgrade')).toBe('websocket')
    expect(fieldOf(head, 'connection')).toBe('Upgrade')
    expect(fieldOf(head, 'sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    expect(fieldOf(head, 'via')).toBe('1.1 headgate')
    expect(fieldOf(head, 'x-request-id')).toMatch(/^req-/)
    peer.send(TEXT, 'hällo')
    expect(await peer.message()).toEqual({ opcode: TEXT, payload: Buffer.from('hällo'), fragments: 1 })
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
    expect(
      peer.frames.filter(({ opcode }) => opcode === PONG).map(({ payload }) => payload.toString()),
    ).toEqual(['in between'])
    peer.close(4001, 'enough')
    expect(await peer.closing()).toEqual({ code: 4001, reason: 'enough' })
    peer.socket.end()
    await peer.closed
    await settled({ requests: 1, answered: 1, aborted: 0, 'status:1xx': 1 })
    expect(counted('bytes_in')).toBeGreaterThan(70_000)
    expect(counted('bytes_out')).toBeGreaterThan(70_000)
    expect(peer.frames.filter(({ opcode }) => opcode === CLOSE)).toHaveLength(1)
  })

  it('counts as a connection as long as it is open, and no longer', async () => {
    origin.use(echo)
    const port = await startWith({ limits: { connections: 2 } })
    for (let i = 0; i < 5; i += 1) {
      const { head, peer } = await openWebSocket(port)
      expect(head).toMatch(/^HTTP\/1\.1 101 /)
      peer.socket.resetAndDestroy()
      await gateway.settle()
    }
  })

  it('brings close codes of both sides to the other', async () => {
    const taken = heldOrigin()
    const port = start()
    const { peer } = await openWebSocket(port)
    const upstream = await taken()
    peer.close(4001, 'client is done')
    expect(await upstream.closing()).toEqual({ code: 4001, reason: 'client is done' })
    upstream.close(4001, 'client is done')
    upstream.socket.end()
    expect(await peer.closing()).toMatchObject({ code: 4001 })
    peer.socket.end()
    await peer.closed

    const other = await openWebSocket(port)
    const second = await taken()
    second.send(TEXT, 'last words')
    second.close(4002, 'server is done')
    expect((await other.peer.message()).payload.toString()).toBe('last words')
    expect(await other.peer.closing()).toEqual({ code: 4002, reason: 'server is done' })
    other.peer.close(4002, 'server is done')
    expect(await second.closing()).toMatchObject({ code: 4002 })
    second.socket.end()
    other.peer.socket.end()
    await other.peer.closed

    const third = await openWebSocket(port)
    const silent = await taken()
    third.peer.send(CLOSE)
    expect(await silent.closing()).toMatchObject({ code: 1005 })
    silent.send(CLOSE)
    silent.socket.end()
    third.peer.socket.end()
    await third.peer.closed
    await settled({ requests: 3, answered: 3 })
  })

  it('brings pings of both sides to the other, and the client gets one pong', async () => {
    const taken = heldOrigin()
    const { peer } = await openWebSocket(start())
    const upstream = await taken()
    upstream.send(PING, 'are you there')
    expect(await peer.next()).toMatchObject({ opcode: PING, payload: Buffer.from('are you there') })
    peer.send(PONG, 'are you there')
    expect(await upstream.next()).toMatchObject({ opcode: PONG, payload: Buffer.from('are you there') })
    peer.send(PING, 'and you')
    expect(await upstream.next()).toMatchObject({ opcode: PING, payload: Buffer.from('and you') })
    upstream.send(PONG, 'and you')
    upstream.send(TEXT, 'behind the pong')
    expect(await peer.next()).toMatchObject({ opcode: PONG, payload: Buffer.from('and you') })
    expect(await peer.next()).toMatchObject({ opcode: TEXT })
    peer.socket.resetAndDestroy()
    await upstream.closed
    await settled({ requests: 1, aborted: 1 })
  })

  it('carries compressed frames where it need not understand them, and offers no compression where it would', async () => {
    const offer = 'permessage-deflate; client_max_window_bits'
    origin.use(echo, (head) => {
      const isOffered = fieldOf(head, 'sec-websocket-extensions') === offer
      return accepting(isOffered ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n' : '')(head)
    })
    const { head, peer } = await openWebSocket(start(), {
      fields: `Sec-WebSocket-Extensions: ${offer}\r\n`,
    })
    const isCompressed = acceptor === 'node'
    expect(fieldOf(head, 'sec-websocket-extensions')).toBe(isCompressed ? 'permessage-deflate' : '')
    // "Hello" as in RFC 7692 §7.2.3.1.
    const hello = Buffer.from('f248cdc9c90700', 'hex')
    peer.send(BINARY, hello, { rsv1: isCompressed })
    expect(await peer.next()).toMatchObject({ rsv1: isCompressed, payload: hello })
    peer.socket.resetAndDestroy()
    await settled({ requests: 1, aborted: 1 })
  })

  it('negotiates a subprotocol, and the other fields of the 101 pass', async () => {
    origin.use(echo, accepting('Sec-WebSocket-Protocol: chat.v2\r\nSet-Cookie: a=b\r\n'))
    const { head, peer } = await openWebSocket(start(), {
      fields: 'Sec-WebSocket-Protocol: chat.v1, chat.v2\r\n',
    })
    expect(fieldOf(origin.heads[0] ?? '', 'sec-websocket-protocol')).toBe('chat.v1, chat.v2')
    expect(fieldOf(head, 'sec-websocket-protocol')).toBe('chat.v2')
    expect(fieldOf(head, 'set-cookie')).toBe('a=b')
    peer.socket.resetAndDestroy()
    await settled({ requests: 1, aborted: 1 })
  })

  it('carries 10 MiB messages to a slow upstream, and holds the client back meanwhile', async () => {
    const taken = heldOrigin()
    const { peer } = await openWebSocket(start())
    const upstream = await taken()
    upstream.socket.pause()
    const messages = Array.from({ length: 5 }, (_, index) => Buffer.alloc(10 * MIB, index + 1))
    for (const message of messages) peer.send(BINARY, message)
    let waiting = -1
    await eventually('the client is held back', async () => {
      const was = waiting
      waiting = peer.socket.writableLength
      await new Promise((resolve) => setTimeout(resolve, 100))
      return was === waiting
    })
    // The kernel's buffers on both ways, one message in uWS, what it had read, and the window.
    expect(waiting).toBeGreaterThan(10 * MIB)
    upstream.socket.resume()
    for (const message of messages) expect((await upstream.message()).payload.equals(message)).toBe(true)
    peer.close(1000)
    expect(await upstream.closing()).toMatchObject({ code: 1000 })
    upstream.send(CLOSE, Buffer.from([0x03, 0xe8]))
    upstream.socket.end()
    peer.socket.end()
    await peer.closed
    await settled({ requests: 1, answered: 1 })
  })

  it('carries 10 MiB messages to a slow client, and holds the upstream back meanwhile', async () => {
    const taken = heldOrigin()
    const { peer } = await openWebSocket(start())
    const upstream = await taken()
    peer.socket.pause()
    const messages = Array.from({ length: 4 }, (_, index) => Buffer.alloc(10 * MIB, index + 1))
    for (const message of messages) upstream.send(BINARY, message)
    upstream.close(4000, 'all sent')
    let waiting = -1
    await eventually('the upstream is held back', async () => {
      const was = waiting
      waiting = upstream.socket.writableLength
      await new Promise((resolve) => setTimeout(resolve, 100))
      return was === waiting
    })
    expect(waiting).toBeGreaterThan(20 * MIB)
    // The other direction is not held up by this one.
    peer.send(TEXT, 'still here')
    expect((await upstream.message()).payload.toString()).toBe('still here')
    peer.socket.resume()
    for (const message of messages) expect((await peer.message()).payload.equals(message)).toBe(true)
    expect(await peer.closing()).toEqual({ code: 4000, reason: 'all sent' })
    peer.close(4000)
    peer.socket.end()
    await upstream.closing()
    upstream.socket.end()
    await settled({ requests: 1, answered: 1 })
  })

  it('goes on in both directions when both were stalled at once', async () => {
    const taken = heldOrigin()
    const { peer } = await openWebSocket(start())
    const upstream = await taken()
    peer.socket.pause()
    upstream.socket.pause()
    const message = Buffer.alloc(5 * MIB, 9)
    for (let i = 0; i < 4; i += 1) {
      peer.send(BINARY, message)
      upstream.send(BINARY, message)
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
    peer.socket.resume()
    for (let i = 0; i < 4; i += 1) expect((await peer.message()).payload.equals(message)).toBe(true)
    upstream.socket.resume()
    for (let i = 0; i < 4; i += 1) expect((await upstream.message()).payload.equals(message)).toBe(true)
    peer.socket.resetAndDestroy()
    await upstream.closed
    await settled({ requests: 1, aborted: 1 })
  })

  it('B16: answers other than 101 pass as plain ones', async () => {
    const plain = 'HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Why: no\r\n\r\nnope'
    origin.use(echo, () => plain)
    const { head, socket, peer } = await openWebSocket(start(), { early: Buffer.alloc(0) })
    expect(head).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(fieldOf(head, 'x-why')).toBe('no')
    expect(fieldOf(head, 'upgrade')).toBe('')
    expect(peer.frames).toEqual([])
    socket.destroy()
    await gateway.settle()
    const counts = (['requests', 'answered', 'status:4xx', 'status:1xx'] as const).map(counted)
    expect(counts).toEqual([1, 1, 1, 0])
  })

  it.each([
    ['for a wrong key', (head: string) => accepting()(head).replace(/(Accept: )./, '$1!'), {}],
    ['for another protocol', (head: string) => accepting()(head).replace('websocket', 'h2c'), {}],
    ['with a subprotocol nobody asked for', accepting('Sec-WebSocket-Protocol: x\r\n'), {}],
    ['with an extension nobody asked for', accepting('Sec-WebSocket-Extensions: x-gzip\r\n'), {}],
    ['that was not asked for at all', accepting(), { path: '/plain' }],
  ])('B16, A10: a 101 %s is refused with 502', async (_, answer, options) => {
    origin.use(echo, answer)
    const { head, socket } = await openWebSocket(start(), options)
    expect(head).toMatch(/^HTTP\/1\.1 502 /)
    expect(fieldOf(head, 'proxy-status')).toMatch(/error=(http_upgrade_failed|http_protocol_error)/)
    socket.destroy()
    await settled({ requests: 1, answered: 1 })
  })

  it('B16: a route without upgrades forwards a plain request', async () => {
    origin.use(echo, () => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    const { head, socket } = await openWebSocket(start(), { path: '/plain' })
    expect(head).toMatch(/^HTTP\/1\.1 200 /)
    expect(fieldOf(origin.heads[0] ?? '', 'upgrade')).toBe('')
    expect(fieldOf(origin.heads[0] ?? '', 'connection')).toBe('')
    socket.destroy()
    await gateway.settle()
  })

  it('B16: what a client sends before the 101 is never a request of its own', async () => {
    let admin = 0
    origin.use(echo, (head) => {
      if (head.startsWith('GET /admin')) admin += 1
      return 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
    })
    const early = Buffer.from('GET /admin HTTP/1.1\r\nHost: a\r\n\r\n')
    const { socket } = await openWebSocket(start(), { early })
    socket.end()
    await eventually('the connection is closed', () => socket.closed)
    await gateway.settle()
    expect(admin).toBe(0)
  })

  it('ends the client when the upstream breaks off, and the upstream when the client does', async () => {
    const taken = heldOrigin()
    const port = start()
    const first = await openWebSocket(port)
    ;(await taken()).socket.resetAndDestroy()
    await first.peer.closed
    const second = await openWebSocket(port)
    const upstream = await taken()
    second.socket.resetAndDestroy()
    await upstream.closed
    await settled({ requests: 2, answered: 0, aborted: 2 })
    // The worker hears of the client's end a little later than the acceptor.
    const ended = () => counted('error:connection_terminated') >= 2
    await eventually('both sessions are counted', ended)
  })

  it('delivers what was under way when the upstream ends without a close frame', async () => {
    const taken = heldOrigin()
    const { peer } = await openWebSocket(start())
    const upstream = await taken()
    peer.socket.pause()
    const message = Buffer.alloc(8 * MIB, 3)
    upstream.send(BINARY, message)
    upstream.socket.end()
    await new Promise((resolve) => setTimeout(resolve, 200))
    peer.socket.resume()
    expect((await peer.message()).payload.equals(message)).toBe(true)
    peer.socket.end()
    await peer.closed
    await settled({ requests: 1 })
  })

  it('is closed after the silence that the upstream allows, and not before', async () => {
    const taken = heldOrigin()
    const { peer } = await openWebSocket(start(), { path: '/impatient' })
    const upstream = await taken()
    for (let i = 0; i < 3; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      peer.send(TEXT, 'x')
      await upstream.message()
    }
    const startMs = performance.now()
    await Promise.all([peer.closed, upstream.closed])
    expect(performance.now() - startMs).toBeGreaterThan(600)
    await settled({ requests: 1, aborted: 1, 'error:connection_read_timeout': 1 })
  })

  it('is seen by filters, which may refuse the request or the 101', async () => {
    origin.use(echo)
    const port = start()
    const locked = await openWebSocket(port, { path: '/ws/locked' })
    expect(locked.head).toMatch(/^HTTP\/1\.1 401 /)
    locked.socket.destroy()
    expect(origin.heads).toEqual([])
    const late = await openWebSocket(port, { path: '/ws/late' })
    expect(late.head).toMatch(/^HTTP\/1\.1 403 /)
    late.socket.destroy()
    await eventually('the refused tunnel is closed', () => origin.open === 0)
    const open = await openWebSocket(port, { path: '/ws/open' })
    expect(open.head).toMatch(/^HTTP\/1\.1 101 /)
    expect(fieldOf(open.head, 'x-seen')).toBe('101')
    expect(fieldOf(origin.heads.at(-1) ?? '', 'x-guarded')).toBe('13')
    open.peer.send(TEXT, 'in')
    expect((await open.peer.message()).payload.toString()).toBe('in')
    open.socket.resetAndDestroy()
    await settled({ requests: 3, answered: 2, aborted: 1 })
  })

  it('C3: a worker that dies takes its WebSockets with it, and no others', async () => {
    origin.use(echo)
    const port = await startWith({
      routes: [
        { match: { path: '/ws/*' }, upstream: 'app', filters: [filters.path('gatekeeper')] },
        { upstream: 'app' },
      ],
    })
    const one = await openWebSocket(port)
    const two = await openWebSocket(port, { path: '/ws/dies' })
    await Promise.all([one.peer.closed, two.peer.closed])
    await settled({ requests: 2, aborted: 2, worker_restarts: 1 })
  })

  it('compresses for the client what it is told to, also on uws; what the client compresses is opened up to the limit', async () => {
    origin.use(echo, (head) =>
      accepting(
        fieldOf(head, 'sec-websocket-extensions') === ''
          ? ''
          : 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n',
      )(head),
    )
    const port = await startWith({ limits: { webSocketMessage: '1MiB', webSocketCompressed: '64KiB' } })
    const fields = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n'
    const { head, peer } = await openWebSocket(port, { fields })
    expect(fieldOf(head, 'sec-websocket-extensions')).toMatch(/^permessage-deflate/)
    const text = 'All that is gold does not glitter. '.repeat(1000)
    const deflated = deflate(Buffer.from(text))
    peer.send(TEXT, deflated, { rsv1: true })
    const back = await peer.next()
    expect([back.rsv1, back.payload.length < 1000]).toEqual([true, true])
    expect(inflate(back.payload).toString()).toBe(text)
    if (acceptor === 'node') {
      peer.socket.resetAndDestroy()
      return settled({ requests: 1, aborted: 1 })
    }
    // What the worker can speak with the upstream, whatever the client has offered.
    expect(fieldOf(origin.heads[0] ?? '', 'sec-websocket-extensions')).toBe(
      'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
    )
    // Too short to gain anything, and too long to be held: as they are.
    peer.send(TEXT, 'short')
    expect(await peer.next()).toMatchObject({ rsv1: false, payload: Buffer.from('short') })
    const long = Buffer.alloc(200_000, 'x')
    peer.send(BINARY, long)
    expect((await peer.message()).payload.equals(long)).toBe(true)
    // A client that offers nothing gets nothing compressed.
    const plain = await openWebSocket(port)
    expect(fieldOf(plain.head, 'sec-websocket-extensions')).toBe('')
    plain.peer.send(TEXT, text)
    expect(await plain.peer.next()).toMatchObject({ rsv1: false, payload: Buffer.from(text) })
    plain.peer.socket.resetAndDestroy()
    // A bomb: a megabyte and one byte, in a kilobyte.
    peer.send(BINARY, deflate(Buffer.alloc(MIB + 1)), { rsv1: true })
    await peer.closed
    // Nor does what is no deflate do any harm.
    const other = await openWebSocket(port, { fields })
    other.peer.send(BINARY, Buffer.from('this is no deflate stream at all'), { rsv1: true })
    await other.peer.closed
    const last = await openWebSocket(port, { fields })
    last.peer.send(TEXT, deflated, { rsv1: true })
    expect(inflate((await last.peer.next()).payload).toString()).toBe(text)
    last.peer.socket.resetAndDestroy()
    await settled({ requests: 4, aborted: 4 })
  })

  it('is closed when a message is larger than the limit of uws, and not with node', async () => {
    origin.use(echo)
    const { peer } = await openWebSocket(await startWith({ limits: { webSocketMessage: '64KiB' } }))
    peer.send(BINARY, Buffer.alloc(65_536))
    expect((await peer.message()).payload).toHaveLength(65_536)
    peer.send(BINARY, Buffer.alloc(65_537))
    if (acceptor === 'uws') await peer.closed
    else expect((await peer.message()).payload).toHaveLength(65_537)
    peer.socket.resetAndDestroy()
    await settled({ requests: 1, aborted: 1 })
  })

  it('C7: is left alone while the gateway drains, and closed at the deadline', async () => {
    const taken = heldOrigin()
    const port = await startWith({ drain: { timeout: '700ms' } })
    const { peer } = await openWebSocket(port)
    const upstream = await taken()
    const drained = gateway.gateway.drain()
    peer.send(TEXT, 'still')
    expect((await upstream.message()).payload.toString()).toBe('still')
    upstream.send(TEXT, 'here')
    expect((await peer.message()).payload.toString()).toBe('here')
    await Promise.all([peer.closed, upstream.closed])
    expect(await drained).toEqual({ lost: 1 })
    await settled({ requests: 1, aborted: 1 })
  })

  it('leaves nothing on standard error, however many there are', async () => {
    start()
    origin.use(echo)
    const routes = [{ upstream: 'app' }]
    const own = await GatewayProcess.start({ acceptor, upstreams: { app: { peers: [origin.peer] } }, routes })
    try {
      for (let i = 0; i < 3; i += 1) {
        const { peer } = await openWebSocket(own.port)
        peer.send(TEXT, 'one')
        await peer.message()
        peer.close(1000, '')
        await peer.closing()
        peer.socket.end()
        await peer.closed
      }
    } finally {
      await own.close()
    }
    // The addon says what is mended on Linux alone.
    const isMended = process.platform === 'linux' && process.arch === 'x64'
    expect(own.errors.filter((text) => isMended || !text.includes('corked'))).toEqual([])
  })
})
