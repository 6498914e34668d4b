import http from 'node:http'
import { Duplex } from 'node:stream'

/** What Node's own HTTP client made of a response; null when it refused it or found it incomplete. */
export interface NodeVerdict {
  readonly status: number
  readonly statusText: string
  readonly interim: number[]
  readonly fields: [name: string, value: string][]
  readonly body: string
  readonly trailers: [name: string, value: string][]
}

/** What a server sends that writes the response, whatever it is asked, and closes. */
class Wire extends Duplex {
  readonly #response: Buffer
  #isAsked = false

  constructor(response: Buffer) {
    super()
    this.#response = response
  }

  override _read(): void {
    // What is to be read is there when it was asked for.
  }

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.#isAsked) {
      this.#isAsked = true
      this.push(this.#response)
      this.push(null)
    }
    done()
  }
}

/** Shows a response to Node's own HTTP client, in one piece and with a close behind it. */
export function askNode(method: string, response: Buffer): Promise<NodeVerdict | null> {
  return new Promise((resolve) => {
    const interim: number[] = []
    let complete = false
    const request = http.request({
      createConnection: () => new Wire(response),
      method,
      host: 'origin',
      path: '/',
    })
    // An error after the last byte, as for bytes that follow the response, does not undo it.
    const unlessComplete = () => {
      if (!complete) resolve(null)
    }
    request.on('error', unlessComplete)
    // What was read before the close is told behind it.
    request.on('close', () => setImmediate(unlessComplete))
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
}

function pairs(raw: readonly string[]): [string, string][] {
  const list: [string, string][] = []
  for (let i = 0; i < raw.length; i += 2) list.push([raw[i] ?? '', raw[i + 1] ?? ''])
  return list
}
