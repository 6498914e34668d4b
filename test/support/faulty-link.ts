import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What can be wrong with one direction of a connection; everything is optional and adds up. After the toxics of toxiproxy. */
export interface Toxics {
  /** Each piece waits for so long, ± jitter (0 to that), ms. Order stays. */
  readonly latency?: { readonly ms: number; readonly jitterMs?: number }
  /** Bytes per second. The sender is held back meanwhile. */
  readonly bandwidth?: number
  /** Pieces of at most so many bytes, each in a packet of its own. */
  readonly slice?: number
  /** The connection is closed properly behind so many bytes. */
  readonly limit?: number
  /** The connection is reset behind so many bytes; Infinity: in place of its end. */
  readonly reset?: number
  /** The end is passed on so much later, ms. */
  readonly slowClose?: number
}

export interface LinkToxics {
  /** From the origin to the gateway. */
  readonly down?: Toxics
  /** From the gateway to the origin. */
  readonly up?: Toxics
}

/** Pieces in which a narrow link passes bytes on per second. */
const PIECES_PER_S = 50

/** A faulty network in front of an origin: a listener of its own, whose address is the peer for the gateway. */
export class FaultyLink {
  /** Connections that were made. */
  accepted = 0
  /** Bytes that were passed on, of all connections. */
  readonly passed = { down: 0, up: 0 }
  readonly #origin: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Of connections that are made from now on. */
  #toxics: LinkToxics
  /** For jitter that is the same in every run. */
  #random = 1

  private constructor(origin: number, toxics: LinkToxics, server: Server) {
    this.#origin = origin
    this.#toxics = toxics
    this.#server = server
  }

  /** @param origin the port behind it */
  static async start(origin: number, toxics: LinkToxics = {}): Promise<FaultyLink> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const link = new FaultyLink(origin, toxics, server)
    server.on('connection', (socket) => link.#onConnection(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return link
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** As a peer of an upstream. */
  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Connections with the gateway that are open now, in either direction. */
  get connections(): number {
    return this.#sockets.size
  }

  /** What is wrong from now on; connections that are open are cut off, and the counts begin anew. */
  use(toxics: LinkToxics): void {
    this.#toxics = toxics
    this.accepted = 0
    this.passed.down = 0
    this.passed.up = 0
    for (const socket of this.#sockets) socket.destroy()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #onConnection(near: Socket): void {
    this.accepted += 1
    this.#sockets.add(near)
    const far = connect({ port: this.#origin, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
    near.once('close', () => {
      this.#sockets.delete(near)
      far.destroy()
    })
    const { down = {}, up = {} } = this.#toxics
    void this.#pass(far, near, down, 'down')
    void this.#pass(near, far, up, 'up')
  }

  async #pass(from: Socket, to: Socket, toxics: Toxics, direction: 'down' | 'up'): Promise<void> {
    const { limit = Number.POSITIVE_INFINITY, reset = Number.POSITIVE_INFINITY } = toxics
    let passed = 0
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (let at = 0; at < chunk.length; ) {
          const sizeBytes = Math.min(pieceBytes(toxics), limit - passed, reset - passed)
          const piece = chunk.subarray(at, at + sizeBytes)
          at += piece.length
          await this.#delay(toxics, piece.length)
          if (to.destroyed) return
          if (piece.length > 0 && !to.write(piece)) await drained(to)
          passed += piece.length
          this.passed[direction] += piece.length
          if (passed >= reset) return void to.resetAndDestroy()
          if (passed >= limit) return void to.destroySoon()
          // Else the system makes one packet of many writes.
          if (toxics.slice !== undefined) await new Promise(setImmediate)
        }
      }
      if (toxics.slowClose !== undefined) await sleep(toxics.slowClose)
      if (toxics.reset !== undefined) to.resetAndDestroy()
      else to.end()
    } catch {
      to.destroy()
    }
  }

  async #delay({ latency, bandwidth }: Toxics, sizeBytes: number): Promise<void> {
    if (latency !== undefined) {
      this.#random = (this.#random * 48_271) % 0x7fff_ffff
      const share = (this.#random / 0x7fff_ffff) * 2 - 1
      await sleep(Math.max(0, latency.ms + share * (latency.jitterMs ?? 0)))
    }
    if (bandwidth !== undefined) await sleep((sizeBytes / bandwidth) * 1000)
  }
}

function pieceBytes({ slice = Number.POSITIVE_INFINITY, bandwidth }: Toxics): number {
  return bandwidth === undefined ? slice : Math.min(slice, Math.max(1, Math.floor(bandwidth / PIECES_PER_S)))
}

async function drained(socket: Socket): Promise<void> {
  const heard = new AbortController()
  const { signal } = heard
  await Promise.race([once(socket, 'drain', { signal }), once(socket, 'close', { signal })]).catch(
    () => undefined,
  )
  heard.abort()
}
