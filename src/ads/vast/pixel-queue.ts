import type { SessionContext } from '../../session/session-context.js'
import { type ExpandOptions, MacroEngine, type MacroPlace } from '../macros/index.js'
import type { DestinationGuard, Transport } from '../upstream/index.js'
import { httpUrl } from './http-url.js'
import { sendWithin } from './send-within.js'

export interface PixelQueueOptions {
  readonly transport: Transport
  readonly macros?: MacroEngine
  readonly guard?: DestinationGuard | undefined
  /** Requests under way at the same time. Default 10. */
  readonly maxConcurrent?: number
  /** Requests that wait; more are dropped and counted. Default 200. */
  readonly maxQueued?: number
  /** Default 5000. */
  readonly timeoutMs?: number
  /** Told of what became of each, beside the counts. */
  readonly onCount?: (what: 'sent' | 'failed' | 'dropped', amount: number) => void
}

export interface PixelContext extends Pick<ExpandOptions, 'values' | 'withheld'> {
  readonly context?: SessionContext | undefined
  /** Such as those of `deviceHeaders`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

interface Waiting {
  readonly url: string
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly context: SessionContext | undefined
}

/** Calls tracking URLs: behind the answer to the client, never more than a bound at a time, and whatever comes of it. */
export class PixelQueue {
  private readonly options: PixelQueueOptions
  private readonly macros: MacroEngine
  private readonly maxConcurrent: number
  private readonly maxQueued: number
  private readonly queue: Waiting[] = []
  private running = 0
  private closed = false
  private idle: (() => void)[] = []
  /** Called and answered, whatever the status. */
  sent = 0
  /** Not answered in time, or not reached. */
  failed = 0
  /** Never called: the queue was full, the URL is none, or the guard refused it. */
  dropped = 0

  constructor(options: PixelQueueOptions) {
    this.options = options
    this.macros = options.macros ?? new MacroEngine()
    this.maxConcurrent = options.maxConcurrent ?? 10
    this.maxQueued = options.maxQueued ?? 200
  }

  /** Calls each URL, macros replaced. Returns at once, and never throws. */
  call(urls: Iterable<string>, place: MacroPlace, pixel: PixelContext = {}): void {
    for (const template of urls) {
      const text = this.macros.expand(template, pixel.context, { ...pixel, place })
      const url = httpUrl(text)
      const full = this.running >= this.maxConcurrent && this.queue.length >= this.maxQueued
      const refused = url === null || (this.options.guard?.checkUrl(url) ?? null) !== null
      if (refused || full || this.closed) this.count('dropped')
      else this.start({ url: text, headers: pixel.headers, context: pixel.context })
    }
  }

  /** Resolves when nothing is under way. */
  whenIdle(): Promise<void> {
    return this.running === 0 ? Promise.resolve() : new Promise((resolve) => this.idle.push(resolve))
  }

  /** Drops what waits and what comes from now on; resolves when what is under way has ended, at the latest after `timeoutMs`. */
  close(): Promise<void> {
    this.closed = true
    if (this.queue.length > 0) this.count('dropped', this.queue.splice(0).length)
    return this.whenIdle()
  }

  private count(what: 'sent' | 'failed' | 'dropped', amount = 1): void {
    this[what] += amount
    this.options.onCount?.(what, amount)
  }

  private start(waiting: Waiting): void {
    if (this.running >= this.maxConcurrent) {
      this.queue.push(waiting)
      return
    }
    this.running += 1
    void this.send(waiting)
  }

  private async send({ url, headers, context }: Waiting): Promise<void> {
    const { transport, timeoutMs = 5000 } = this.options
    const request = { url, ...(headers && { headers }), ...(context && { context }) }
    try {
      await sendWithin(transport, request, timeoutMs)
      this.count('sent')
    } catch {
      this.count('failed')
    }
    this.running -= 1
    const next = this.queue.shift()
    if (next !== undefined) this.start(next)
    if (this.running > 0) return
    const idle = this.idle
    this.idle = []
    for (const resolve of idle) resolve()
  }
}
