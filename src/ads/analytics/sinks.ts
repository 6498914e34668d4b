import type { AdLogger } from '../context/ad-logger.js'
import { type Transport, UpstreamStatusError } from '../upstream/index.js'
import type { EventSink } from './event-queue.js'

/** One log record for each event, its fields as they are. */
export class LogSink<Event extends { readonly event_type: string }> implements EventSink<Event> {
  readonly name = 'log'
  readonly #logger: AdLogger

  constructor(logger: AdLogger) {
    this.#logger = logger
  }

  deliver(events: readonly Event[]): Promise<void> {
    for (const event of events) this.#logger.info(event, `Ad event: ${event.event_type}`)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

export interface HttpBatchSinkOptions {
  readonly transport: Transport
  /** Gets `POST` with a JSON array; any 2xx takes the whole batch. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Default 5,000 ms. */
  readonly timeoutMs?: number
}

/** Batches over HTTP. */
export class HttpBatchSink<Event> implements EventSink<Event> {
  readonly name = 'http'
  readonly #options: HttpBatchSinkOptions

  constructor(options: HttpBatchSinkOptions) {
    this.#options = options
  }

  async deliver(events: readonly Event[]): Promise<void> {
    const { transport, url, headers, timeoutMs = 5000 } = this.#options
    const { status } = await transport.send({
      url,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(events),
      timeoutMs,
    })
    if (status < 200 || status > 299) throw new UpstreamStatusError(status, 'the analytics endpoint')
  }

  close(): Promise<void> {
    return this.#options.transport.close()
  }
}

/** What of a Redis client is used. */
export interface StreamClient {
  sendCommand(args: string[]): Promise<unknown>
  close?(): Promise<void> | void
}

export interface RedisStreamSinkOptions {
  /** Connected; commands of one turn go out together. Closed with the sink. */
  readonly client: StreamClient
  /** Default `headgate:events`. */
  readonly stream?: string
  /** Entries that the stream keeps, about. Default 1,000,000. */
  readonly maxLength?: number
}

/** Entries of a Redis stream, one for each event: its fields as text under their names. */
export class RedisStreamSink<Event extends object> implements EventSink<Event> {
  readonly name = 'redis'
  readonly #client: StreamClient
  readonly #head: readonly string[]

  constructor({ client, stream = 'headgate:events', maxLength = 1_000_000 }: RedisStreamSinkOptions) {
    this.#client = client
    this.#head = ['XADD', stream, 'MAXLEN', '~', String(maxLength), '*']
  }

  async deliver(events: readonly Event[]): Promise<void> {
    await Promise.all(
      events.map((event) => {
        const fields = Object.entries(event).flatMap(([name, value]) =>
          value === undefined ? [] : [name, typeof value === 'string' ? value : JSON.stringify(value)],
        )
        return this.#client.sendCommand([...this.#head, ...fields])
      }),
    )
  }

  async close(): Promise<void> {
    await this.#client.close?.()
  }
}
