import type { SessionContext } from '../../session/session-context.js'
import type { AdLogger } from '../context/ad-logger.js'
import type { Transport } from '../upstream/index.js'

export interface NoticeOptions {
  /** Notices under way at once; more wait. Default 10. */
  readonly maxConcurrent?: number
  /** Notices that wait; more are dropped and counted. Default 1,000. */
  readonly maxWaiting?: number
  /** Default 5,000 ms. */
  readonly timeoutMs?: number
}

export interface NoticeStats {
  sent: number
  failed: number
  /** Not sent because too many were waiting. */
  dropped: number
}

interface Waiting {
  readonly url: string
  readonly context: SessionContext | undefined
}

/** Calls notice URLs beside the request that causes them: bounded, failures only logged. Each URL is called once. */
export class Notices {
  readonly stats: NoticeStats = { sent: 0, failed: 0, dropped: 0 }
  readonly #transport: Transport
  readonly #logger: AdLogger
  readonly #options: NoticeOptions
  readonly #waiting: Waiting[] = []
  #active = 0
  #idle: (() => void)[] = []

  constructor(transport: Transport, logger: AdLogger, options: NoticeOptions = {}) {
    this.#transport = transport
    this.#logger = logger
    this.#options = options
  }

  /** Calls a URL soon. */
  send(url: string, context: SessionContext | undefined): void {
    if (this.#waiting.length >= (this.#options.maxWaiting ?? 1000)) {
      this.stats.dropped += 1
      return
    }
    this.#waiting.push({ url, context })
    this.#next()
  }

  /** Settles when none is under way or waits. */
  async drained(): Promise<void> {
    if (this.#active === 0 && this.#waiting.length === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #next(): void {
    while (this.#active < (this.#options.maxConcurrent ?? 10)) {
      const notice = this.#waiting.shift()
      if (notice === undefined) break
      this.#active += 1
      void this.#call(notice).finally(() => {
        this.#active -= 1
        this.#next()
      })
    }
    if (this.#active > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }

  async #call({ url, context }: Waiting): Promise<void> {
    const fields = context === undefined ? {} : { request_id: context.requestId }
    try {
      const { status } = await this.#transport.send({
        url,
        timeoutMs: this.#options.timeoutMs ?? 5000,
        ...(context === undefined ? {} : { context }),
      })
      if (status < 400) {
        this.stats.sent += 1
        return
      }
      this.stats.failed += 1
      this.#logger.warn({ ...fields, status }, 'a notice was refused')
    } catch (err) {
      this.stats.failed += 1
      this.#logger.warn({ ...fields, err }, 'a notice could not be sent')
    }
  }
}
