import net, { type AddressInfo, type Socket } from 'node:net'
import tls, { type TlsOptions } from 'node:tls'
import type { ConnectTarget } from '#src/upstream/http1/types.js'

/** One connection as the origin sees it: bytes in, bytes out, nothing else. */
export class Peer {
  received = ''
  /** The other side has closed its end, or reset the connection. */
  readonly closed: Promise<void>
  readonly socket: Socket
  #hasLeft = false
  #waiting: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.received += bytes.toString('latin1')
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      const onLeft = () => {
        this.#hasLeft = true
        resolve()
        this.#wake()
      }
      socket.on('end', onLeft)
      socket.on('close', onLeft)
    })
  }

  /** Waits until so much was received as the text, and takes it out together with what came before. */
  async take(text: string): Promise<string> {
    for (;;) {
      const at = this.received.indexOf(text)
      if (at >= 0) {
        const taken = this.received.slice(0, at + text.length)
        this.received = this.received.slice(at + text.length)
        return taken
      }
      if (this.#hasLeft) throw new Error(`closed before ${JSON.stringify(text)} came`)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** The head of the next request. */
  head(): Promise<string> {
    return this.take('\r\n\r\n')
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  end(text = ''): void {
    this.socket.end(text, 'latin1')
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** A server that does byte by byte what its script says. */
export class RawOrigin {
  readonly peers: Peer[] = []
  readonly #server: net.Server
  #target: ConnectTarget

  private constructor(server: net.Server) {
    this.#server = server
    this.#target = { id: '', host: '', port: 0 }
  }

  /** @param script runs for each connection; what it throws, as when the client leaves, ends the connection */
  static async listen(
    script: (peer: Peer) => Promise<void> | void,
    options: { tls?: TlsOptions; socketPath?: string } = {},
  ): Promise<RawOrigin> {
    const onSocket = (socket: Socket) => {
      const peer = new Peer(socket)
      origin.peers.push(peer)
      Promise.resolve(script(peer)).catch(() => socket.destroy())
    }
    const server =
      options.tls === undefined
        ? net.createServer({ noDelay: true, allowHalfOpen: true }, onSocket)
        : tls.createServer(options.tls, onSocket)
    const origin = new RawOrigin(server)
    server.on('tlsClientError', () => {})
    if (options.socketPath === undefined) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      origin.#target = { id: `tcp:${port}`, host: '127.0.0.1', port }
    } else {
      await new Promise<void>((resolve) => server.listen(options.socketPath, resolve))
      origin.#target = { id: options.socketPath, host: '', port: 0, socketPath: options.socketPath }
    }
    return origin
  }

  /** Answers every request head with the same text. */
  static answering(text: string): Promise<RawOrigin> {
    return RawOrigin.listen(async (peer) => {
      for (;;) {
        await peer.head()
        peer.send(text)
      }
    })
  }

  get target(): ConnectTarget {
    return this.#target
  }

  peer(index: number): Peer {
    const peer = this.peers[index]
    if (peer === undefined) throw new Error(`no connection ${index}`)
    return peer
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    for (const { socket } of this.peers) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
