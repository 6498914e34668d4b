import { get, type IncomingMessage, type ServerResponse } from 'node:http'
import { eventually } from './eventually.js'

/** The client's end of a response that goes on until somebody ends it. */
export interface OpenStream {
  /** Value of `x-thread`: the worker that serves it. */
  readonly thread: string
  text: string
  state: 'open' | 'complete' | 'broken-off'
  close(): void
}

/** Opens `path` on a connection of its own. Resolves when the head is there. */
export function openStream(port: number, path: string): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response: IncomingMessage) => {
      const stream: OpenStream = {
        thread: String(response.headers['x-thread']),
        text: '',
        state: 'open',
        close: () => void request.destroy(),
      }
      response.setEncoding('latin1').on('data', (text: string) => {
        stream.text += text
      })
      response.on('end', () => {
        stream.state = 'complete'
      })
      response.on('error', () => {
        stream.state = 'broken-off'
      })
      resolve(stream)
    })
    request.on('error', reject)
  })
}

/** The origin's end of such responses. */
export class StreamOrigin {
  readonly #responses = new Set<ServerResponse>()

  /** Begins a response that stays open. */
  begin(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('begun\n')
    this.#responses.add(response)
    response.once('close', () => this.#responses.delete(response))
  }

  say(text: string): void {
    for (const response of this.#responses) response.write(text)
  }

  end(): void {
    for (const response of this.#responses) response.end()
  }
}

/** Sends a word through all streams and waits until it has come out of those of `alive`. */
export async function expectAlive(
  origin: StreamOrigin,
  alive: readonly OpenStream[],
  word: string,
): Promise<void> {
  origin.say(word)
  await eventually(`all streams say ${word}`, () => alive.every((stream) => stream.text.includes(word)))
}
