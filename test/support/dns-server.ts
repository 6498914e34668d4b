import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net'

/** What a name server says of a name. */
export interface Zone {
  readonly addresses?: readonly string[]
  readonly ttlSeconds?: number
  /** 2: server failure, 3: no such name. */
  readonly rcode?: number
  /** Says nothing at all. */
  readonly dead?: boolean
  /** Says nothing about these types. */
  readonly deadTypes?: readonly QueryType[]
  /** Waits for this before it answers. */
  readonly until?: Promise<unknown>
  /** Over UDP only a truncated answer without records. */
  readonly truncated?: boolean
  /** The answer belongs to another query: its id is wrong. */
  readonly wrongId?: boolean
  /** The answer breaks off within its records. */
  readonly mangled?: boolean
}

export type QueryType = 'A' | 'AAAA'

interface Query {
  readonly id: number
  readonly name: string
  readonly type: QueryType | 'other'
  /** The question section as it came. */
  readonly question: Buffer
}

/** A name server on loopback, UDP and TCP on one port, whose zones each test changes as it likes. */
export class DnsServer {
  readonly zones: Record<string, Zone> = {}
  /** What was asked for: `A app.test`, and `tcp A app.test` over TCP. */
  readonly asked: string[] = []
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiters = new Set<() => void>()

  private constructor(udp: UdpSocket, tcp: Server) {
    this.#udp = udp
    this.#tcp = tcp
    udp.on('message', (message, from) => void this.#onDatagram(message, from))
    tcp.on('connection', (socket) => this.#onConnection(socket))
  }

  static async start(zones: Readonly<Record<string, Zone>> = {}): Promise<DnsServer> {
    for (let attempt = 0; ; attempt += 1) {
      const udp = createSocket('udp4')
      udp.bind(0, '127.0.0.1')
      await once(udp, 'listening')
      const tcp = createServer()
      try {
        tcp.listen(udp.address().port, '127.0.0.1')
        await once(tcp, 'listening')
        const server = new DnsServer(udp, tcp)
        Object.assign(server.zones, zones)
        return server
      } catch (error) {
        // Somebody else has the port over TCP.
        udp.close()
        if (attempt === 10) throw error
      }
    }
  }

  /** For `dns.servers`. */
  get address(): string {
    return `127.0.0.1:${(this.#tcp.address() as AddressInfo).port}`
  }

  /** Waits until so much has been asked in all. */
  async untilAsked(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.#waiters.add(resolve))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#udp.close()
    this.#tcp.close()
    await once(this.#tcp, 'close')
  }

  async #onDatagram(message: Buffer, from: RemoteInfo): Promise<void> {
    const answer = await this.#answer(message, 'udp')
    if (answer === null) return
    try {
      this.#udp.send(answer, from.port, from.address)
    } catch {
      // The test has closed the server meanwhile.
    }
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    let received = Buffer.alloc(0)
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
        const end = 2 + received.readUInt16BE(0)
        void this.#answer(received.subarray(2, end), 'tcp').then((answer) => {
          if (answer !== null && !socket.destroyed) socket.write(Buffer.concat([u16(answer.length), answer]))
        })
        received = received.subarray(end)
      }
    })
  }

  async #answer(message: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | null> {
    const query = parseQuery(message)
    this.asked.push(`${transport === 'tcp' ? 'tcp ' : ''}${query.type} ${query.name}`)
    for (const waiter of this.#waiters) waiter()
    this.#waiters.clear()
    const zone = this.zones[query.name] ?? { rcode: 3 }
    if (zone.dead === true || (query.type !== 'other' && zone.deadTypes?.includes(query.type))) return null
    await zone.until
    return encode(query, zone, transport === 'udp' && zone.truncated === true)
  }
}

function parseQuery(message: Buffer): Query {
  const labels: string[] = []
  let at = 12
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const code = message.readUInt16BE(at + 1)
  return {
    id: message.readUInt16BE(0),
    name: labels.join('.').toLowerCase(),
    type: code === 1 ? 'A' : code === 28 ? 'AAAA' : 'other',
    question: message.subarray(12, at + 5),
  }
}

function encode(query: Query, zone: Zone, truncated: boolean): Buffer {
  const family = query.type === 'A' ? 4 : 6
  const addresses = truncated ? [] : (zone.addresses ?? []).filter((it) => isIP(it) === family)
  const records = addresses.map((address) => {
    const data = family === 4 ? Buffer.from(address.split('.').map(Number)) : bytesOfV6(address)
    const ttl = Buffer.alloc(4)
    ttl.writeUInt32BE(zone.ttlSeconds ?? 60)
    return Buffer.concat([u16(0xc00c), u16(family === 4 ? 1 : 28), u16(1), ttl, u16(data.length), data])
  })
  const flags = 0x8180 | (truncated ? 0x0200 : 0) | (zone.rcode ?? 0)
  const id = zone.wrongId === true ? query.id ^ 1 : query.id
  const head = [u16(id), u16(flags), u16(1), u16(records.length), u16(0), u16(0)]
  const whole = Buffer.concat([...head, query.question, ...records])
  return zone.mangled === true ? whole.subarray(0, -3) : whole
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

/** Of the short forms only `::x`. */
function bytesOfV6(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const missing = 8 - groups(head).length - groups(tail).length
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)]
  return Buffer.concat(all.map((group) => u16(Number.parseInt(group, 16))))
}
