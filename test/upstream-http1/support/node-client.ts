import http from 'node:http'
import type { AddressInfo } from 'node:net'
import net from 'node:net'

/** What Node's own HTTP client made of a response; null when it refused it or found it incomplete. */
export interface NodeVerdict {
  readonly status: number
  readonly statusText: string
  readonly interim: number[]
  readonly fields: [name: string, value: string][]
  readonly body: string
  readonly trailers: [name: string, value: string][]
}

/** Shows responses to Node's HTTP client: a raw server writes the bytes and closes. */
export class NodeOracle {
  readonly #server: net.Server
  readonly #responses = new Map<string, Buffer>()
  #count = 0

  private constructor(server: net.Server) {
    this.#server = server
    server.on('connection', (socket) => {
      socket.on('error', () => {})
      socket.once('data', (head) => {
        const path = head.toString('latin1').split(' ')[1] ?? ''
        socket.end(this.#responses.get(path) ?? '')
      })
    })
  }

  static async start(): Promise<NodeOracle> {
    const server = net.createServer({ noDelay: true })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new NodeOracle(server)
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  async ask(method: string, response: Buffer): Promise<NodeVerdict | null> {
    this.#count += 1
    const path = `/${this.#count}`
    this.#responses.set(path, response)
    const { port } = this.#server.address() as AddressInfo
    try {
      return await new Promise((resolve) => {
        const interim: number[] = []
        let complete = false
        const request = http.request({ host: '127.0.0.1', port, path, method, agent: false })
        // An error after the last byte, as for bytes that follow the response, does not undo it.
        const unlessComplete = () => {
          if (!complete) resolve(null)
        }
        request.on('error', unlessComplete)
        request.on('close', unlessComplete)
        request.on('upgrade', (_, socket) => {
          socket.destroy()
          resolve(null)
        })
        request.on('information', (info) => interim.push(info.statusCode))
        request.on('response', (message) => {
          let body = ''
          message.setEncoding('latin1')
          message.on('data', (text: string) => {
            body += text
          })
          message.on('error', unlessComplete)
          message.on('end', () => {
            complete = message.complete
            if (!complete) resolve(null)
            else {
              resolve({
                status: message.statusCode ?? 0,
                statusText: message.statusMessage ?? '',
                interim,
                fields: pairs(message.rawHeaders),
                body,
                trailers: pairs(message.rawTrailers),
              })
            }
          })
        })
        request.end()
      })
    } finally {
      this.#responses.delete(path)
    }
  }
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) list.push([raw[i] ?? '', raw[i + 1] ?? ''])
  return list
}
