import type { GatewayError } from '#src/session/errors.js'
import type { Http1Connector } from '#src/upstream/http1/connector.js'
import type {
  ConnectTarget,
  ResponseHead,
  UpstreamExchange,
  UpstreamHandler,
  UpstreamRequest,
  UpstreamTimeouts,
} from '#src/upstream/http1/types.js'

export const NO_TIMEOUTS: UpstreamTimeouts = { connectMs: 0, headersMs: 0, idleMs: 0 }

/** Writes down what an exchange reports. */
export class Recorder implements UpstreamHandler {
  /** Names of the events in order; a run of `body` is one. */
  readonly events: string[] = []
  readonly interim: string[] = []
  head: ResponseHead | null = null
  bodyBytes = 0
  body = ''
  trailers = ''
  error: GatewayError | null = null
  /** Bodies are counted and not kept. */
  readonly keepsBody: boolean
  readonly #waiting: { event: string | (() => boolean); resolve: () => void }[] = []
  readonly #hooks: Partial<UpstreamHandler>

  constructor(hooks: Partial<UpstreamHandler> = {}, keepsBody = true) {
    this.#hooks = hooks
    this.keepsBody = keepsBody
    const { onUpgrade } = hooks
    if (onUpgrade !== undefined) {
      this.onUpgrade = (head, socket, firstBytes) => {
        this.head = head
        this.#note('upgrade')
        onUpgrade(head, socket, firstBytes)
      }
    }
  }

  onUpgrade?: NonNullable<UpstreamHandler['onUpgrade']>

  onConnected(reused: boolean, atMs: number): void {
    this.#note(reused ? 'reused' : 'connected')
    this.#hooks.onConnected?.(reused, atMs)
  }

  onRequestSent(atMs: number): void {
    this.#note('sent')
    this.#hooks.onRequestSent?.(atMs)
  }

  onInformational(status: number, headerBlock: string): void {
    this.interim.push(`${status} ${headerBlock}`)
    this.#note('interim')
    this.#hooks.onInformational?.(status, headerBlock)
  }

  onHead(head: ResponseHead, atMs: number): void {
    this.head = head
    this.#note('head')
    this.#hooks.onHead?.(head, atMs)
  }

  onBody(chunk: Uint8Array): void {
    this.bodyBytes += chunk.length
    if (this.keepsBody) this.body += Buffer.from(chunk).toString('latin1')
    if (this.events.at(-1) === 'body') this.#wake()
    else this.#note('body')
    this.#hooks.onBody?.(chunk)
  }

  onEnd(trailerBlock: string, atMs: number): void {
    this.trailers = trailerBlock
    this.#note('end')
    this.#hooks.onEnd?.(trailerBlock, atMs)
  }

  onError(error: GatewayError): void {
    this.error = error
    this.#note('error')
    this.#hooks.onError?.(error)
  }

  onDrain(): void {
    this.#note('drain')
    this.#hooks.onDrain?.()
  }

  /** Resolves when the event has happened, now or later, or the condition holds; `over` is `end` or `error`. */
  until(event: string | (() => boolean)): Promise<this> {
    if (this.#happened(event)) return Promise.resolve(this)
    return new Promise((resolve) => this.#waiting.push({ event, resolve: () => resolve(this) }))
  }

  /** What matters of the error. */
  get failure(): { code: string; status: number; reason: string; retry: string } | null {
    if (this.error === null) return null
    const { code, status, reason, retry } = this.error
    return { code, status, reason, retry }
  }

  #happened(event: string | (() => boolean)): boolean {
    if (typeof event === 'function') return event()
    return event === 'over'
      ? this.events.includes('end') || this.events.includes('error')
      : this.events.includes(event)
  }

  #note(event: string): void {
    this.events.push(event)
    this.#wake()
  }

  #wake(): void {
    for (const waiter of this.#waiting) if (this.#happened(waiter.event)) waiter.resolve()
  }
}

export const GET: UpstreamRequest = {
  method: 'GET',
  target: '/',
  headerBlock: 'Host: origin.test\r\n',
  body: { kind: 'none' },
}

export interface Started {
  readonly recorder: Recorder
  readonly exchange: UpstreamExchange
}

/** Starts an exchange; anything not given is a plain GET without deadlines. */
export function start(
  connector: Http1Connector,
  target: ConnectTarget,
  request: Partial<UpstreamRequest> = {},
  options: {
    hooks?: Partial<UpstreamHandler>
    timeouts?: Partial<UpstreamTimeouts>
    keepsBody?: boolean
  } = {},
): Started {
  const recorder = new Recorder(options.hooks, options.keepsBody)
  const timeouts = { ...NO_TIMEOUTS, ...options.timeouts }
  const exchange = connector.request(target, { ...GET, ...request }, recorder, timeouts)
  return { recorder, exchange }
}

/** One exchange from start to end. */
export function run(
  connector: Http1Connector,
  target: ConnectTarget,
  request: Partial<UpstreamRequest> = {},
): Promise<Recorder> {
  return start(connector, target, request).recorder.until('over')
}
